"""Measure one call of ``generate``, into the series of its model."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import inference_bench._native as _native
from inference_bench.live.gpu_time import NONE, GpuTimer
from inference_bench.live.requests import current_request

if TYPE_CHECKING:
    from inference_bench.live.model_protocols import BatchOutput
    from inference_bench.live.sampling import Sampling
    from inference_bench.live.series_book import SeriesBook

R = TypeVar("R")


class _Active(threading.local):
    """The call of ``generate`` in this thread, where its decoding loop runs too.

    Attributes:
        inside: whether there is one; calls inside of it are part of it.
        generation: what records its tokens; None for one that is not sampled, and while it drafts.
        prompt_length: length of the sequences that its loop begins with; None before the loop is prepared.
    """

    inside = False
    generation: Generation | None = None
    prompt_length: int | None = None


class GenerationSeries:
    """The series of one model, and the wrappers of its methods that fill them.

    Args:
        book: holds the series.
        sampling: chooses the generations that are recorded in detail.
        name: value of the label ``model``.
        gpu: times the model's device; None without one.
    """

    def __init__(self, book: SeriesBook, sampling: Sampling, name: str, gpu: GpuTimer | None = None) -> None:
        self.sampling = sampling
        self.gpu = gpu
        labels = {"model": name}
        self.ttft = book.histogram("ttft", labels)
        self.itl = book.histogram("itl", labels)
        self.tpot = book.histogram("tpot", labels)
        self.e2e = book.histogram("e2e", labels)
        self.last_ttft = book.last_seen("ttft", labels)
        self.last_e2e = book.last_seen("e2e", labels)
        self.generations = book.counter("generations", labels)
        self.failures = book.counter("generations_failed", labels)
        self.tokens_in = book.counter("tokens_in", labels)
        self.tokens_out = book.counter("tokens_out", labels)
        self.batch_size = book.gauge("batch_size", labels)
        self.generate_span = book.spans.get(f"{name}.generate")
        self.prefill_span = book.spans.get(f"{name}.prefill")
        self.decode_span = book.spans.get(f"{name}.decode")
        self.token_mark = book.marks.get(f"{name}.token")
        if gpu is not None:
            self.gpu_prefill = book.histogram("gpu_prefill", labels)
            self.gpu_decode = book.histogram("gpu_decode", labels)
        self._active = _Active()

    def around_generate(self, generate: Callable[..., R]) -> Callable[..., R]:
        """Return ``generate`` measured: one generation from call to return, for every decoding method."""
        active = self._active

        @functools.wraps(generate)
        def instrumented(model: object, *args: object, **kwargs: object) -> R:
            if active.inside:
                return self._inside(generate, model, *args, **kwargs)
            generation = Generation(self)
            active.inside, active.prompt_length = True, None
            active.generation = generation if generation.sampled else None
            try:
                output = generate(model, *args, **kwargs)
            except BaseException:
                active.inside, active.generation = False, None
                generation.fail()
                raise
            active.inside, active.generation = False, None  # no `finally`: `finish` is not part of the generation
            generation.finish(_prompt(args, kwargs), output, active.prompt_length)
            return output

        return instrumented

    def _inside(self, generate: Callable[..., R], model: object, *args: object, **kwargs: object) -> R:
        """Call ``generate`` from inside itself: a model that drafts for its own loop, or one that hands the call on.

        Tokens of a draft are no output; a call before the outer loop has begun is the outer one's work.
        """
        active = self._active
        outer = active.generation
        if outer is not None and outer.in_loop:
            active.generation = None
        try:
            return generate(model, *args, **kwargs)
        finally:
            active.generation = outer

    def around_lengths(self, prepare: Callable[..., R]) -> Callable[..., R]:
        """Return the preparation of lengths, which says how long the sequences are that the loop begins with.

        That is the prompt; for an encoder-decoder, what the decoder begins with; for embeddings, nothing.
        """
        active = self._active

        @functools.wraps(prepare)
        def instrumented(*args: object, **kwargs: object) -> R:
            length = kwargs.get("input_ids_length")
            if active.prompt_length is None and isinstance(length, int):
                active.prompt_length = length
            return prepare(*args, **kwargs)

        return instrumented

    def around_loop(self, ask: Callable[..., R]) -> Callable[..., R]:
        """Return the loop's question measured; it comes before each iteration, when the last token has arrived."""
        active = self._active

        @functools.wraps(ask)
        def instrumented(*args: object, **kwargs: object) -> R:
            generation = active.generation
            if generation is not None:
                generation.iterate()
            return ask(*args, **kwargs)

        return instrumented

    def around_generate_batch(
        self, generate_batch: Callable[..., Mapping[str, BatchOutput]]
    ) -> Callable[..., Mapping[str, BatchOutput]]:
        """Return continuous batching measured: transformers takes the times, which are read at the end."""

        @functools.wraps(generate_batch)
        def instrumented(model: object, *args: object, **kwargs: object) -> Mapping[str, BatchOutput]:
            asked_for = kwargs.get("record_timestamps", False)
            if len(args) < 4:  # not given by position
                kwargs["record_timestamps"] = True
            outputs = generate_batch(model, *args, **kwargs)
            for output in outputs.values():
                self._observe_output(output)
                if not asked_for and len(args) < 4:
                    output.timestamps = None
            return outputs

        return instrumented

    def _observe_output(self, output: BatchOutput) -> None:
        """Observe one request of a continuous batch."""
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
    """One call of ``generate``. ``iterate`` runs for every token: one clock reading, one record, one observation.

    A token has arrived when the decoding loop asks whether to go on: the loop has then read from the device whether all
    sequences have ended, so no further wait is needed.
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
        self._id, self.sampled = series.sampling.next()
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
        """Record the arrival of a token; the loop's first question precedes the first token and records none."""
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

    @property
    def in_loop(self) -> bool:
        """Whether the decoding loop has begun."""
        return self._iterations >= 0

    def finish(self, prompt: tuple[int, int], output: object, begun_with: int | None = None) -> None:
        """Observe the whole generation.

        Args:
            prompt: rows and length of the prompt.
            output: what ``generate`` returned: a tensor of shape (rows, tokens), or an object that holds ``sequences``.
            begun_with: length of the sequences before the first iteration; None if unknown: that of the prompt, which
                is 0 where the output holds new tokens only.
        """
        series = self._series
        series.generations.inc()
        rows, prompt_length = prompt
        sequences = getattr(output, "sequences", output)
        shape: tuple[int, ...] = getattr(sequences, "shape", ())
        new = 0
        if len(shape) == 2:
            new = max(shape[1] - (prompt_length if begun_with is None else begun_with), 0)
            series.tokens_in.add(rows * prompt_length)
            series.tokens_out.add(shape[0] * new)
            series.batch_size.set(shape[0])
        if not self.sampled:
            return
        self._end_spans()
        if self._iterations < 1:
            return
        ttft_ns, e2e_ns = self._first_ns - self._start_ns, self._last_ns - self._start_ns
        series.ttft.observe_ns(ttft_ns)
        series.e2e.observe_ns(e2e_ns)
        tokens = max(new, self._iterations)  # an iteration of assisted decoding yields several
        if tokens > 1:
            series.tpot.observe_ns((self._last_ns - self._first_ns) // (tokens - 1))
        unix_time_ns = time.time_ns()
        series.last_ttft.seen = (self._request_id, ttft_ns, unix_time_ns)
        series.last_e2e.seen = (self._request_id, e2e_ns, unix_time_ns)

    def fail(self) -> None:
        """Count a generation that raised; its earlier tokens stay in ``itl``."""
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


def _prompt(args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[int, int]:
    """Return rows and length of the prompt; (0, 0) for embeddings, whose output holds the new tokens only."""
    given = args[0] if args else kwargs.get("inputs")
    if given is None:
        given = kwargs.get("input_ids")
    shape: tuple[int, ...] = getattr(given, "shape", ())
    return (int(shape[0]), int(shape[1])) if len(shape) == 2 else (0, 0)
