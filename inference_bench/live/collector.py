"""Thread that drains the span recorder: fills histograms, keeps the last seconds, updates the sampling."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec

from inference_bench._native import Histogram, SpanRecorder, SpanRecords, Table, now_ns
from inference_bench.errors import InvalidValueError
from inference_bench.extras import needed_by
from inference_bench.live.flight_recorder import FlightRecorder
from inference_bench.live.series import SeriesTable
from inference_bench.live.series_book import OTHERS
from inference_bench.live.snapshot import Recording
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference_bench.live.sampling import Sampling

P = ParamSpec("P")

_LOG = logging.getLogger("inference_bench.live")

_CHUNK = 4096
"""Durations observed before the GIL is released: 50 µs."""


class Collector:
    """Moves records from the recorder into one histogram per span name, and counts marks by name.

    Any thread may call ``collect``; the thread that ``start`` makes calls it at each interval.

    Attributes:
        marks: count of each mark.
        listeners: called with each batch, in order; they must be quick. One that raises is removed and logged.
        harvesters: called at each collection, to fetch what was recorded elsewhere; likewise.
    """

    def __init__(
        self,
        recorder: SpanRecorder,
        durations: SeriesTable[str, Histogram],
        flight: FlightRecorder,
        sampling: Sampling,
        interval_ns: int,
    ) -> None:
        self.marks: dict[str, int] = {}
        self.listeners: list[Callable[[SpanRecords], object]] = []
        self.harvesters: list[Callable[[], object]] = []
        self._recorder = recorder
        self._durations = durations
        self._flight = flight
        self._sampling = sampling
        self._interval_ns = interval_ns
        self._others = durations.get(OTHERS)
        self._made_base = self._lost_base = 0
        self.prepare()

    def prepare(self) -> None:
        """Reset lock, event and thread: a forked child has no thread, and its locks may never be released."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Discard what was recorded so far, and start the thread."""
        with needed_by("a running Profiler"):
            import numpy  # noqa: F401 (0.1 s that must not fall into the first interval)

        self._recorder.drain()
        counts = self._recorder.counts()
        self._lost_base = counts["lost"]
        self._made_base = counts["recorded"] + counts["lost"]
        self._thread = threading.Thread(target=self._run, name="inference_bench-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and collect the rest."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._stop = threading.Event()
        self.collect()

    def collect(self) -> None:
        """Process what was recorded since the last call."""
        with self._lock:
            drained = self._recorder.drain()
            if len(drained):
                self._flight.add(drained)
                self._count(drained)
                for listener in list(self.listeners):
                    _call_or_remove(self.listeners, listener, drained)
            for harvest in list(self.harvesters):
                _call_or_remove(self.harvesters, harvest)

    def recording(self) -> Recording:
        """Return how many records were made, read and lost since ``start``."""
        counts = self._recorder.counts()
        made = counts["recorded"] + counts["lost"] - self._made_base
        lost = counts["lost"] - self._lost_base
        return Recording(made=made, recorded=made - lost, lost=lost)

    def _run(self) -> None:
        stop = self._stop
        made_before, began_ns, cpu_ns = 0, now_ns(), time.thread_time_ns()
        while not stop.wait(self._interval_ns / NS_PER_S):
            self.collect()
            made, ended_ns, cpu_end_ns = self.recording().made, now_ns(), time.thread_time_ns()
            self._sampling.weigh(made - made_before, cpu_end_ns - cpu_ns, ended_ns - began_ns)
            made_before, began_ns, cpu_ns = made, ended_ns, cpu_end_ns

    def _count(self, drained: SpanRecords) -> None:
        for name, durations in _by_name(drained.spans()):
            histogram = self._histogram(name)
            for start in range(0, len(durations), _CHUNK):
                deque(map(histogram.observe_ns, durations[start : start + _CHUNK].tolist()), maxlen=0)
                time.sleep(0)  # releases the GIL: a thread of the server may wait for it
        for name, number in _marks(drained.records()):
            self.marks[name] = self.marks.get(name, 0) + number

    def _histogram(self, name: str) -> Histogram:
        """Return the histogram of a span name; spans that the profiler did not make may exceed the limit."""
        try:
            return self._durations.get(name)
        except InvalidValueError:
            return self._others


def _call_or_remove(calls: list[Callable[P, object]], call: Callable[P, object], *args: P.args, **kw: P.kwargs) -> None:
    """Call; where it raises, log and remove it, because all later collections would fail with it."""
    try:
        call(*args, **kw)
    except Exception:
        _LOG.exception("%r failed in the profiler's collector and is removed", call)
        with suppress(ValueError):
            calls.remove(call)


def _by_name(spans: Table) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each name with its durations."""
    import numpy as np

    names, durations = np.asarray(spans.column("name")), np.asarray(spans.column("duration_ns"))
    labels = spans.labels("name") or []
    for number in np.unique(names).tolist():
        yield labels[number], durations[names == number]


def _marks(records: Table) -> Iterator[tuple[str, int]]:
    """Yield each mark's name with its count."""
    import numpy as np

    instant = (records.labels("kind") or []).index("instant")
    names = np.asarray(records.column("name"))[np.asarray(records.column("kind")) == instant]
    labels = records.labels("name") or []
    for number, count in zip(*np.unique(names, return_counts=True), strict=True):
        yield labels[int(number)], int(count)
