"""Profiler of a serving process: records natively, and reports what it recorded and what that cost.

A span is one 32-byte record in memory of its thread, an observation one atomic addition. One thread
(``collector.py``) processes the records.
"""

from __future__ import annotations

import atexit
import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import inference_bench._native as _native
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live.chrome_trace import chrome_trace
from inference_bench.live.collector import Collector
from inference_bench.live.flight_recorder import FlightRecorder
from inference_bench.live.forks import restart_in_children
from inference_bench.live.idle import IdleTable, IdleWarning, Names
from inference_bench.live.instrument import Instruments
from inference_bench.live.memory_account import MemoryAccount
from inference_bench.live.requests import Request, RequestSeries
from inference_bench.live.sampling import Sampling
from inference_bench.live.series import make_key
from inference_bench.live.series_book import SeriesBook
from inference_bench.live.snapshot import Snapshot
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.live.memory_gauges import AttachedMemory
    from inference_bench.live.model_protocols import Module

F = TypeVar("F", bound=Callable[..., Any])


class Profiler:
    """Named spans, marks, counters, gauges and histograms with bounded memory; one runs at a time in a process.

        profiler = Profiler("chat")
        with profiler:
            with profiler.span("decode"):
                ...
            print(profiler.snapshot().histogram("decode").percentile(99))

    One that is not running records nothing, its counters stand still, and the first use raises a ``RuntimeWarning``.
    A forked child of a running profiler's process goes on recording, with everything at zero.

    Args:
        name: name of the service, and prefix of its Prometheus metrics.
        max_series: limit of counters, gauges and histograms together, of span names, and of mark names.
        records: spans and marks held between two collections; further ones overwrite the oldest, which is counted.
        flight_records: newest spans and marks kept for ``chrome_trace``; fewer on a quiet server, whose small batches
            fill the same memory, 66 bytes per record.
        budget: share of one core that profiling may take before it records fewer requests.
        interval_ns: time between two collections.

    Attributes:
        name: name of the service.
        book: all series.
        sampling: choice of the requests and generations that are recorded in detail.
        warn_idle: warns once that nothing is recorded; called where a profiler is used that is not running.

    Raises:
        InvalidValueError: an argument is out of range.
    """

    def __init__(
        self,
        name: str = "inference",
        *,
        max_series: int = 256,
        records: int = 131_072,
        flight_records: int = 131_072,
        budget: float = 0.01,
        interval_ns: int = NS_PER_S // 4,
    ) -> None:
        _check("max_series", max_series, 1, 65_536)
        _check("records", records, 4_096, 1 << 28)
        _check("flight_records", flight_records, 1, 1 << 28)
        _check("interval_ns", interval_ns, 1_000_000, 3600 * NS_PER_S)
        if not 0 < budget <= 1:
            raise InvalidValueError("budget", budget, "a share of one core, above 0 and up to 1")
        self.name = make_key(name, {}).name
        self.book = SeriesBook(max_series)
        self.book.pause()
        self.warn_idle = IdleWarning(self.name)
        self.sampling = Sampling(budget, self.warn_idle)
        self._spans: Names[str, _native.Span]
        self._marks: Names[str, _native.Mark]
        self._warn_for_names()
        self._recorder = _native.SpanRecorder(records, "overwrite")
        self._flight = FlightRecorder(flight_records)
        self._collector = Collector(self._recorder, self.book.durations, self._flight, self.sampling, interval_ns)
        self._start_ns = 0
        self._requests = RequestSeries(self.book)
        self._instruments = Instruments(self.book, self.sampling, self._collector.harvesters.append)
        self._memory = MemoryAccount(self._recorder, self._flight, self.book)
        restart_in_children(self)

    # ---- life

    def start(self) -> Self:
        """Start recording.

        Raises:
            UsageError: this or another profiler, or a span recorder, runs already.
        """
        if self.running:
            raise UsageError(f"profiler {self.name!r} runs already: expected one that is stopped. Call start() once.")
        try:
            self._recorder.start()
        except RuntimeError:
            raise UsageError(
                f"profiler {self.name!r} cannot start: another profiler or span recorder runs in this process, "
                "expected none. Stop it first, or share it."
            ) from None
        self.sampling.calibrate()
        self._begin()
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop recording, and keep what was recorded. Open spans and requests record nothing more and never fail.

        Counters and histograms stand still until the next start.
        """
        if not self.running:
            return
        self.sampling.running = False
        atexit.unregister(self.stop)
        self._recorder.stop()
        self._collector.stop()
        self._memory.stop()
        self.book.pause()
        self.warn_idle.reset()
        self._warn_for_names()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it records."""
        return self.sampling.running

    def _begin(self) -> None:
        self._collector.start()  # discards the records of the calibration
        self._start_ns = self._start_ns or _native.now_ns()
        self.book.resume()
        self._spans, self._marks = self.book.spans, self.book.marks  # saves a look-up per span and mark
        self.sampling.running = True

    def _warn_for_names(self) -> None:
        self._spans = IdleTable(self.book.spans, self.warn_idle)
        self._marks = IdleTable(self.book.marks, self.warn_idle)

    # ---- recording

    def span(self, name: str) -> _native.Span:
        """Return the span of this name: ``with profiler.span("decode"):``. Keep it to save the look-up.

        Raises:
            InvalidValueError: the limit of names is reached, or the name is not printable.
        """
        return self._spans.get(name)

    @overload
    def trace(self, function: F, /) -> F: ...
    @overload
    def trace(self, function: str, /) -> Callable[[F], F]: ...
    def trace(self, function: F | str, /) -> F | Callable[[F], F]:
        """Time every call of a function or coroutine function: ``@profiler.trace`` or ``@profiler.trace("name")``."""
        if isinstance(function, str):
            return self.book.spans.get(function)  # without a warning: decorators run when modules are imported
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidValueError("trace", function.__qualname__, "no generator function", "Use a span inside it.")
        return self.book.spans.get(function.__qualname__)(function)

    def mark(self, name: str) -> None:
        """Record an instant."""
        self._marks.get(name)()

    def marker(self, name: str) -> _native.Mark:
        """Return the mark of this name; call it to record an instant without the look-up of ``mark``.

        Raises:
            InvalidValueError: the limit of names is reached, or the name is not printable.
        """
        return self.book.marks.get(name)

    def counter(self, name: str, **labels: object) -> _native.Counter:
        """Return the counter of this name and these labels; keep it.

        Raises:
            InvalidValueError: the limit is reached, or an exporter cannot represent the name.
        """
        return self.book.counter(name, labels)

    def gauge(self, name: str, **labels: object) -> _native.Gauge:
        """Return the gauge of this name and these labels; keep it. Raises what ``counter`` raises."""
        return self.book.gauge(name, labels)

    def histogram(self, name: str, **labels: object) -> _native.Histogram:
        """Return the histogram of durations of this name and these labels; keep it. Raises what ``counter`` raises."""
        return self.book.histogram(name, labels)

    def describe(self, name: str, meaning: str, unit: str = "") -> None:
        """Say what your series of this name is; exporters show it (Prometheus as HELP, OpenTelemetry as description).

            profiler.describe("cache_misses", "Prompts whose prefix was not in the cache.", "{prompt}")

        Args:
            name: name of a counter, gauge or histogram.
            meaning: one sentence.
            unit: UCUM code for OpenTelemetry, such as ``By``; histograms are seconds.

        Raises:
            InvalidValueError: the meaning is empty, or the series is one of this package's.
        """
        self.book.descriptions.add(name, meaning, unit)

    # ---- requests

    def request(self) -> Request:
        """Return a new request to enter: ``with profiler.request() as request:``, also around an ``await``."""
        number, sampled = self.sampling.next()
        return Request(self._requests, number, sampled)

    # ---- models and memory

    def instrument(
        self,
        model: Module,
        name: str = "model",
        *,
        generate: bool = True,
        forward: bool = False,
        modules: str | None = None,
    ) -> None:
        """Measure a transformers model from now on, without changing its outputs or waiting for its device.

        Histograms ``ttft``, ``itl``, ``tpot`` and ``e2e`` are defined in ``inference_bench.metrics``; an ITL is one
        iteration of the decoding loop, for any batch size. Counters: ``generations``, ``tokens_in`` and ``tokens_out``,
        padding included. Gauge: ``batch_size``. All have the label ``model``.

        For a model on a CUDA device, histograms ``gpu_prefill`` and ``gpu_decode`` hold the device's time between
        events in the stream; with ``forward`` or ``modules``, ``gpu_time`` with the label ``module`` holds it for each.

        Args:
            model: a ``PreTrainedModel``, or any ``torch.nn.Module`` with ``generate=False``.
            name: value of the label, and prefix of the span names.
            generate: measure ``generate`` and ``generate_batch``.
            forward: time every call of ``forward`` as the span ``<name>.forward``. Not for compiled models.
            modules: a pattern such as ``"model.layers.*.mlp"``; each matching module gets a span of its name.

        Raises:
            InvalidValueError: no ``generate``, no matching module, or more of them than ``max_series`` allows.
            UsageError: this model is instrumented already.
        """
        self._instruments.add(model, name, generate=generate, forward=forward, modules=modules)
        if not self.running:
            self.warn_idle()

    def uninstrument(self, model: Module) -> None:
        """Remove everything that ``instrument`` put on this model.

        Raises:
            UsageError: this model is not instrumented.
        """
        self._instruments.remove(model)

    def attach_memory(self, interval_ns: int = 100_000_000) -> AttachedMemory:
        """Start the native memory sampler, which fills gauges ``rss_bytes`` and others.

        Raises:
            UsageError: it is attached already.
            InvalidValueError: a series has the name of one of its gauges.
        """
        return self._memory.attach(interval_ns)

    # ---- results

    def snapshot(self) -> Snapshot:
        """Return everything recorded so far, while recording goes on."""
        self._collector.collect()
        now_ns = _native.now_ns()
        return Snapshot(
            name=self.name,
            pid=os.getpid(),
            running=self.running,
            time_ns=now_ns,
            uptime_ns=now_ns - self._start_ns if self._start_ns else 0,
            counters=self.book.counter_totals(),
            gauges=self.book.gauge_values() | self._memory.gauges(),
            histograms=self.book.histogram_counts(),
            spans=self.book.span_counts(),
            marks=dict(self._collector.marks),
            recording=self._collector.recording(),
            cost=self.sampling.cost(),
            memory_bytes=self._memory.held_bytes,
            memory_limit_bytes=self.memory_limit_bytes,
            exemplars=self.book.exemplars(),
        )

    def chrome_trace(self, seconds: float = 30.0) -> bytes:
        """Return the last seconds as a Chrome trace (JSON), for Perfetto."""
        return chrome_trace(self.flight(), self.name, int(seconds * NS_PER_S))

    def flight(self) -> list[_native.SpanRecords]:
        """Return the newest spans and marks, oldest batch first: at most ``flight_records``."""
        self._collector.collect()
        return self._flight.batches()

    def collect(self) -> None:
        """Process what was recorded since the last interval; ``snapshot`` and ``chrome_trace`` do so first."""
        self._collector.collect()

    def add_listener(self, listener: Callable[[_native.SpanRecords], object]) -> None:
        """Call ``listener`` with each batch of records, in the collector's thread. It must be quick."""
        self._collector.listeners.append(listener)

    def remove_listener(self, listener: Callable[[_native.SpanRecords], object]) -> None:
        """Undo ``add_listener``."""
        with suppress(ValueError):
            self._collector.listeners.remove(listener)

    @property
    def memory_limit_bytes(self) -> int:
        """Largest memory of recorder, flight recorder, histograms and attached memory sampler together."""
        return self._memory.limit_bytes

    # ---- fork

    def after_fork_in_child(self) -> None:
        """Restart from zero, because the parent reports what it counted."""
        self.book.replace_locks()
        self._flight.replace_lock()
        self._collector.prepare()
        running, self.sampling.running = self.running, False
        self._recorder.drain()
        self._flight.clear()
        self._collector.marks.clear()
        self.book.restart()
        self._requests.in_flight.set(0)
        self._start_ns = 0
        self._memory.restart_in_child()
        if running:
            self._recorder.start()
            self._begin()


def _check(what: str, given: int, least: int, most: int) -> None:
    if not least <= given <= most:
        raise InvalidValueError(what, given, f"{least:,} to {most:,}")
