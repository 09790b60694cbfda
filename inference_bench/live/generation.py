"""What is measured of one call of ``generate``, and the series that it goes into."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import inference_bench._native as _native
from inference_bench.live.gpu_time import NONE, GpuTimer
from inference_bench.live.requests import current_request
from inference_bench.live.series import make_key

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

Method = Callable[..., Any]


class _Active(threading.local):
    """The generation that this thread is in: the decoding loop runs in the thread that called ``generate``."""

    generation: Generation | None = None


class GenerationSeries:
    """The series of one model, and the wrappers of its methods that fill them."""

    def __init__(self, profiler: Profiler, name: str, gpu: GpuTimer | None = None) -> None:
        self.profiler = profiler
        self.gpu = gpu
        labels = {"model": name}
        self.ttft = profiler.histogram("ttft", **labels)
        self.itl = profiler.histogram("itl", **labels)
        self.tpot = profiler.histogram("tpot", **labels)
        self.e2e = profiler.histogram("e2e", **labels)
        self.last_ttft = profiler.last_seen(make_key("ttft", labels))
        self.last_e2e = profiler.last_seen(make_key("e2e", labels))
        self.generations = profiler.counter("generations", **labels)
        self.failures = profiler.counter("generations_failed", **labels)
        self.tokens_in = profiler.counter("tokens_in", **labels)
        self.tokens_out = profiler.counter("tokens_out", **labels)
        self.batch_size = profiler.gauge("batch_size", **labels)
        self.generate_span = profiler.span(f"{name}.generate")
        self.prefill_span = profiler.span(f"{name}.prefill")
        self.decode_span = profiler.span(f"{name}.decode")
        self.token_mark = profiler.marker(f"{name}.token")
        if gpu is not None:
            self.gpu_prefill = profiler.histogram("gpu_prefill", **labels)
            self.gpu_decode = profiler.histogram("gpu_decode", **labels)
        self._active = _Active()

    def around_generate(self, generate: Method) -> Method:
        """Wrap ``generate``: one generation from call to return, whatever the decoding method."""
        active = self._active

        @functools.wraps(generate)
        def instrumented(model: Any, *args: Any, **kwargs: Any) -> Any:
            generation, outer = Generation(self), active.generation
            active.generation = generation if generation.sampled else None
            try:
                output = generate(model, *args, **kwargs)
            except BaseException:
                active.generation = outer
                generation.fail()
                raise
            active.generation = outer  # not in a `finally`: what follows is not part of the generation
            generation.finish(_prompt(args, kwargs), output)
            return output

        return instrumented

    def around_loop(self, ask: Method) -> Method:
        """Wrap what the decoding loop asks before each iteration, which is when the last one's token has arrived."""
        active = self._active

        @functools.wraps(ask)
        def instrumented(*args: Any, **kwargs: Any) -> Any:
            generation = active.generation
            if generation is not None:
                generation.iterate()
            return ask(*args, **kwargs)

        return instrumented

    def around_generate_batch(self, generate_batch: Method) -> Method:
        """Wrap continuous batching: transformers takes the times itself, and they are read when all has ended."""

        @functools.wraps(generate_batch)
        def instrumented(model: Any, *args: Any, **kwargs: Any) -> Any:
            asked_for = kwargs.get("record_timestamps", False)
            if len(args) < 4:  # not given by position
                kwargs["record_timestamps"] = True
            outputs = generate_batch(model, *args, **kwargs)
            for output in outputs.values():
                self._take_over(output)
                if not asked_for and len(args) < 4:
                    output.timestamps = None
            return outputs

        return instrumented

    def _take_over(self, output: Any) -> None:
        """Observe one request of a continuous batch; its times are ``perf_counter`` seconds."""
        self.generations.inc()
        self.tokens_in.add(len(output.prompt_ids))
        self.tokens_out.add(len(output.generated_tokens))
        times = output.timestamps or []
        if not times:
            return
        self.ttft.observe(times[0] - output.created_time)
        self.e2e.observe(times[-1] - output.created_time)
        for earlier, later in pairwise(times):
            self.itl.observe(later - earlier)
        if len(times) > 1:
            self.tpot.observe((times[-1] - times[0]) / (len(times) - 1))


class Generation:
    """One call of ``generate``. ``iterate`` is on the path of every token: one clock reading, a record, an observation.

    A token's arrival is when the decoding loop asks whether to go on. It has then read from the device whether all
    sequences have ended, so nothing has to be waited for to know that the token is there.
    """

    __slots__ = (
        "_first_ns",
        "_gpu_interval",
        "_id",
        "_iterations",
        "_last_ns",
        "_mark",
        "_observe_itl",
        "_request_id",
        "_series",
        "_start_ns",
        "sampled",
    )

    def __init__(self, series: GenerationSeries) -> None:
        request = current_request()
        self._id, self.sampled = series.profiler.new_id()
        self._request_id = self._id
        if request is not None:
            self._request_id, self.sampled = request.id, request.sampled
        self._series = series
        self._observe_itl = series.itl.observe_ns
        self._mark = series.token_mark
        self._iterations = -1  # the loop asks once before the first token
        self._first_ns = 0
        if self.sampled:
            series.generate_span.begin(self._id, self._request_id)
            series.prefill_span.begin(self._id, self._request_id)
        self._gpu_interval = NONE
        if self.sampled and series.gpu is not None:
            self._gpu_interval = series.gpu.begin(series.gpu_prefill)
        self._start_ns = self._last_ns = _native.now_ns()

    def iterate(self) -> None:
        """Take note of the token that has arrived, if it is not the loop's first question."""
        now_ns = _native.now_ns()
        self._iterations += 1
        if self._iterations > 1:
            self._observe_itl(now_ns - self._last_ns)
        elif self._iterations == 1:
            self._first_ns = now_ns
            self._series.prefill_span.end(self._id)
            self._series.decode_span.begin(self._id, self._request_id)
            self._decode_on_gpu()
        else:
            return
        self._mark(self._id)
        self._last_ns = now_ns

    def finish(self, prompt: Any, output: Any) -> None:
        """Observe what only the end tells."""
        series = self._series
        series.generations.inc()
        rows, prompt_length = prompt
        sequences = getattr(output, "sequences", output)
        shape: tuple[int, ...] = getattr(sequences, "shape", ())
        if len(shape) == 2:
            series.tokens_in.add(rows * prompt_length)
            series.tokens_out.add(shape[0] * max(shape[1] - prompt_length, 0))
            series.batch_size.set(shape[0])
        if not self.sampled:
            return
        self._end_spans()
        if self._iterations < 1:
            return
        ttft_ns, e2e_ns = self._first_ns - self._start_ns, self._last_ns - self._start_ns
        series.ttft.observe_ns(ttft_ns)
        series.e2e.observe_ns(e2e_ns)
        if self._iterations > 1:
            series.tpot.observe_ns((self._last_ns - self._first_ns) // (self._iterations - 1))
        unix_time_ns = time.time_ns()
        series.last_ttft.seen = (self._request_id, ttft_ns, unix_time_ns)
        series.last_e2e.seen = (self._request_id, e2e_ns, unix_time_ns)

    def fail(self) -> None:
        """Count a generation that raised; its tokens so far stay in ``itl``."""
        self._series.failures.inc()
        if self.sampled:
            self._end_spans()

    def _decode_on_gpu(self) -> None:
        gpu = self._series.gpu
        if gpu is not None:
            gpu.end(self._gpu_interval)
            self._gpu_interval = gpu.begin(self._series.gpu_decode)

    def _end_spans(self) -> None:
        series = self._series
        if series.gpu is not None:
            series.gpu.end(self._gpu_interval)
        (series.decode_span if self._iterations > 0 else series.prefill_span).end(self._id)
        series.generate_span.end(self._id)


def _prompt(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, int]:
    """Return rows and length of the prompt: (0, 0) of embeddings alone, whose output holds the new tokens only."""
    given = args[0] if args else kwargs.get("inputs")
    if given is None:
        given = kwargs.get("input_ids")
    shape: tuple[int, ...] = getattr(given, "shape", ())
    return (int(shape[0]), int(shape[1])) if len(shape) == 2 else (0, 0)
