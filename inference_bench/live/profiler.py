"""The profiler of a serving process: what it records, what that costs, and what is known so far.

Recording is native: a span is one 32-byte record of its thread, an observation one atomic addition. Everything else
happens in one thread beside it (``collector.py``), or when somebody asks.
"""

from __future__ import annotations

import atexit
import inspect
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import inference_bench._native as _native
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live.collector import Collector
from inference_bench.live.flight_recorder import RECORD_BYTES, FlightRecorder
from inference_bench.live.requests import Request
from inference_bench.live.sampling import Sampling
from inference_bench.live.series import LastSeen, SeriesKey, SeriesLimit, SeriesTable, make_key
from inference_bench.live.snapshot import Exemplar, Recording, Snapshot
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.live.instrument import Instruments
    from inference_bench.live.memory_gauges import AttachedMemory

F = TypeVar("F", bound=Callable[..., Any])

_HISTOGRAM_BYTES = 35_000
_NAME_LENGTH = 200
_THREADS = 64
"""Threads whose open chunk of 64 KiB the stated bound allows for."""


class Profiler:
    """Named spans, marks, counters, gauges and histograms with bounded memory; one runs at a time in a process.

        profiler = Profiler("chat")
        with profiler:
            with profiler.span("decode"):
                ...
            print(profiler.snapshot().histogram("decode").percentile(99))

    A forked child goes on by itself, with everything at zero, if the parent was running.

    Args:
        name: what is profiled.
        max_series: names with label sets of all kinds together, and as many span names.
        records: spans and marks held between two collections; more overwrite the oldest, which is counted.
        flight_records: the newest spans and marks kept for ``chrome_trace``.
        budget: share of one core that profiling may take before it records fewer requests.
        interval_ns: between two collections.

    Raises:
        InvalidValueError: a value outside of what is allowed.
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
        limit = SeriesLimit(max_series)
        self._counters = SeriesTable[SeriesKey, _native.Counter](lambda _: _native.Counter(), limit)
        self._gauges = SeriesTable[SeriesKey, _native.Gauge](lambda _: _native.Gauge(), limit)
        self._histograms = SeriesTable[SeriesKey, _native.Histogram](lambda _: _native.Histogram(), limit)
        self._spans = SeriesTable(_new_span, SeriesLimit(max_series))
        self._marks = SeriesTable(_new_mark, SeriesLimit(max_series))
        self._durations = SeriesTable[str, _native.Histogram](lambda _: _native.Histogram(), SeriesLimit(max_series))
        self._last_seen: dict[SeriesKey, LastSeen] = {}
        self._counter_bases: dict[SeriesKey, int] = {}

        self._recorder = _native.SpanRecorder(records, "overwrite")
        self._flight = FlightRecorder(flight_records)
        self._sampling = Sampling(budget)
        self._collector = Collector(self._recorder, self._durations, self._flight, self._sampling, interval_ns)
        self._running = False
        self._start_ns = 0
        self._made_base = self._lost_base = 0
        self._max_series = max_series
        self._memory: AttachedMemory | None = None
        self._instruments: Instruments | None = None

        self._request_span = self.span("request")
        self._request_count = self.counter("requests")
        self._sampled_count = self.counter("requests_sampled")
        self._in_flight = self.gauge("requests_in_flight")
        _PROFILERS.add(self)

    # ---- life

    def start(self) -> Self:
        """Begin to record.

        Raises:
            UsageError: it runs already, or another profiler or span recorder does.
        """
        if self._running:
            raise UsageError(f"profiler {self.name!r} runs already: expected one that is stopped. Call start() once.")
        try:
            self._recorder.start()
        except RuntimeError:
            raise UsageError(
                f"profiler {self.name!r} cannot start: another profiler or span recorder runs in this process, "
                "expected none. Stop it first, or share it."
            ) from None
        self._sampling.calibrate()
        self._begin()
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """End recording; what is known stays. Spans and requests that are open record nothing more, and never fail."""
        if not self._running:
            return
        self._running = False
        atexit.unregister(self.stop)
        self._recorder.stop()
        self._collector.stop()
        if self._memory is not None:
            self._memory.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it records."""
        return self._running

    def _begin(self) -> None:
        self._collector.start()  # throws away what the calibration recorded
        counts = self._recorder.counts()
        self._made_base, self._lost_base = counts["recorded"] + counts["lost"], counts["lost"]
        self._start_ns = _native.now_ns()
        self._running = True

    # ---- recording

    def span(self, name: str) -> _native.Span:
        """Return the span of this name: ``with profiler.span("decode"):``. Keep it where every nanosecond counts.

        Raises:
            InvalidValueError: one name too many, or none that can be shown.
        """
        return self._spans.get(name)

    @overload
    def trace(self, function: F, /) -> F: ...
    @overload
    def trace(self, function: str, /) -> Callable[[F], F]: ...
    def trace(self, function: F | str, /) -> F | Callable[[F], F]:
        """Time every call of a function or coroutine function: ``@profiler.trace`` or ``@profiler.trace("name")``."""
        if isinstance(function, str):
            return self.span(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidValueError("trace", function.__qualname__, "no generator function", "Use a span inside of it.")
        return self.span(function.__qualname__)(function)

    def mark(self, name: str) -> None:
        """Record an instant."""
        self._marks.get(name)()

    def marker(self, name: str) -> _native.Mark:
        """Return the mark of this name, to be called: one look-up less than ``mark``.

        Raises:
            InvalidValueError: one name too many, or none that can be shown.
        """
        return self._marks.get(name)

    def counter(self, name: str, **labels: object) -> _native.Counter:
        """Return the counter of this name and these labels; keep it.

        Raises:
            InvalidValueError: one series too many, or a name that no exporter could take over.
        """
        return self._counters.get(make_key(name, labels))

    def gauge(self, name: str, **labels: object) -> _native.Gauge:
        """Return the gauge of this name and these labels; keep it. Raises what ``counter`` raises."""
        return self._gauges.get(make_key(name, labels))

    def histogram(self, name: str, **labels: object) -> _native.Histogram:
        """Return the histogram of durations of this name and labels; keep it. Raises what ``counter`` raises."""
        return self._histograms.get(make_key(name, labels))

    # ---- requests

    def request(self) -> Request:
        """Return a new request, to be entered: ``with profiler.request() as request:``, also around an ``await``."""
        number, sampled = self._sampling.next()
        return Request(self, number, sampled and self._running)

    def begin_request(self, request: Request) -> None:
        """Count it, and record its beginning if it is sampled."""
        self._request_count.inc()
        self._in_flight.inc()
        if request.sampled:
            self._sampled_count.inc()
            self._request_span.begin(request.id)

    def end_request(self, request: Request) -> None:
        """Record its end."""
        self._in_flight.dec()
        if request.sampled:
            self._request_span.end(request.id)

    def new_id(self) -> tuple[int, bool]:
        """Return an id from the sequence of the requests', and whether what it names is sampled."""
        number, sampled = self._sampling.next()
        return number, sampled and self._running

    def last_seen(self, key: SeriesKey) -> LastSeen:
        """Return where the request that made a histogram's last observation is remembered; keep it."""
        return self._last_seen.setdefault(key, LastSeen())

    # ---- models and memory

    def instrument(
        self,
        model: Any,
        name: str = "model",
        *,
        generate: bool = True,
        forward: bool = False,
        modules: str | None = None,
    ) -> None:
        """Measure a transformers model from now on; its outputs stay as they are, and its device is never waited for.

        Histograms ``ttft``, ``itl``, ``tpot`` and ``e2e`` are defined in ``inference_bench.metrics``; an ITL is one
        iteration of the decoding loop, whatever the batch. Counters: ``generations``, ``tokens_in`` and ``tokens_out``,
        padding included. Gauge: ``batch_size``. All have the label ``model``.

        Of a model on a CUDA device, histograms ``gpu_prefill`` and ``gpu_decode`` hold the device's time between events
        in the stream; with ``forward`` or ``modules``, ``gpu_time`` with the label ``module`` does so for each.

        Args:
            model: a ``PreTrainedModel``, or any ``torch.nn.Module`` with ``generate=False``.
            name: value of the label, and beginning of the spans' names.
            generate: measure ``generate`` and ``generate_batch``.
            forward: time every call of ``forward`` as the span ``<name>.forward``. Not for compiled models.
            modules: a pattern such as ``"model.layers.*.mlp"``; each module that it matches gets a span of its name.

        Raises:
            InvalidValueError: no ``generate``, no matching module, or more of them than ``max_series`` allows.
            UsageError: this model is instrumented already.
        """
        self._instruments_of_models().add(model, name, generate=generate, forward=forward, modules=modules)

    def uninstrument(self, model: Any) -> None:
        """Take everything away that ``instrument`` put on this model.

        Raises:
            UsageError: there is nothing.
        """
        self._instruments_of_models().remove(model)

    def _instruments_of_models(self) -> Instruments:
        if self._instruments is None:
            from inference_bench.live.instrument import Instruments

            self._instruments = Instruments(self)
        return self._instruments

    def attach_memory(self, interval_ns: int = 100_000_000) -> AttachedMemory:
        """Run the native memory sampler beside the profiler; gauges ``rss_bytes`` … follow it.

        Raises:
            UsageError: it is attached already.
        """
        from inference_bench.live.memory_gauges import AttachedMemory

        if self._memory is not None:
            raise UsageError("memory is attached already: expected one sampler a profiler. Use the one there is.")
        self._memory = AttachedMemory(interval_ns)
        return self._memory

    # ---- what is known

    def snapshot(self) -> Snapshot:
        """Return everything at this moment, while writers go on."""
        self._collector.collect()
        counts = self._recorder.counts()
        made = counts["recorded"] + counts["lost"] - self._made_base
        lost = counts["lost"] - self._lost_base
        bases = self._counter_bases
        gauges = {key: gauge.value for key, gauge in self._gauges.items()}
        if self._memory is not None:
            gauges |= {SeriesKey(name): value for name, value in self._memory.gauges().items()}
        now_ns = _native.now_ns()
        return Snapshot(
            name=self.name,
            pid=os.getpid(),
            time_ns=now_ns,
            uptime_ns=now_ns - self._start_ns if self._start_ns else 0,
            counters={key: counter.value - bases.get(key, 0) for key, counter in self._counters.items()},
            gauges=gauges,
            histograms={key: histogram.read() for key, histogram in self._histograms.items()},
            spans={name: histogram.read() for name, histogram in self._durations.items()},
            marks=dict(self._collector.marks),
            recording=Recording(made=made, recorded=made - lost, lost=lost),
            cost=self._sampling.cost(),
            memory_bytes=self._memory_bytes(counts["memory_bytes"]),
            memory_limit_bytes=self.memory_limit_bytes,
            exemplars={key: Exemplar(*last.seen) for key, last in list(self._last_seen.items()) if last.seen},
        )

    def chrome_trace(self, seconds: float = 30.0) -> bytes:
        """Return the last seconds as a Chrome trace (JSON), which Perfetto opens."""
        from inference_bench.live.chrome_trace import chrome_trace

        self._collector.collect()
        return chrome_trace(self._flight.batches(), self.name, int(seconds * NS_PER_S))

    def collect(self) -> None:
        """Take in what was recorded since the last interval; snapshots do so by themselves."""
        self._collector.collect()

    def add_listener(self, listener: Callable[[_native.SpanRecords], object]) -> None:
        """Have each batch of records handed to ``listener``, in the collector's thread. It must be quick."""
        self._collector.listeners.append(listener)

    def remove_listener(self, listener: Callable[[_native.SpanRecords], object]) -> None:
        """Undo ``add_listener``."""
        with suppress(ValueError):
            self._collector.listeners.remove(listener)

    def add_harvester(self, harvest: Callable[[], object]) -> None:
        """Have ``harvest`` called at each collection, for what was recorded elsewhere, such as on a GPU."""
        self._collector.harvesters.append(harvest)

    @property
    def memory_limit_bytes(self) -> int:
        """What recorder, flight recorder and histograms can come to hold together, with 64 recording threads."""
        records = (self._recorder.capacity + self._flight.capacity) * RECORD_BYTES
        return records + 2 * self._max_series * _HISTOGRAM_BYTES + _THREADS * 65_536

    def _memory_bytes(self, recorder_bytes: int) -> int:
        histograms = len(self._histograms.items()) + len(self._durations.items())
        return recorder_bytes + self._flight.memory_bytes + histograms * _HISTOGRAM_BYTES

    # ---- fork

    def _after_fork_in_child(self) -> None:
        """Go on from zero: what the parent counted is the parent's to report."""
        tables = (self._counters, self._gauges, self._histograms, self._spans, self._marks, self._durations)
        for table in tables:
            table.after_fork()
        self._flight.after_fork()
        self._collector.prepare()
        if not self._running:
            return
        self._running = False
        self._recorder.drain()
        self._flight.clear()
        self._collector.marks.clear()
        for last in self._last_seen.values():
            last.seen = None
        for _, histogram in [*self._histograms.items(), *self._durations.items()]:
            histogram.take()
        self._counter_bases = {key: counter.value for key, counter in self._counters.items()}
        self._in_flight.set(0)
        self._recorder.start()
        self._begin()


_PROFILERS: weakref.WeakSet[Profiler] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for profiler in list(_PROFILERS):
        profiler._after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _new_span(name: str) -> _native.Span:
    return _native.span(_printable(name))


def _new_mark(name: str) -> _native.Mark:
    return _native.Mark(_printable(name))


def _printable(name: str) -> str:
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable():
        raise InvalidValueError("name of a span", name, f"1 to {_NAME_LENGTH} printable characters")
    return name


def _check(what: str, given: int, least: int, most: int) -> None:
    if not least <= given <= most:
        raise InvalidValueError(what, given, f"{least:,} to {most:,}")
