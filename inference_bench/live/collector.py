"""The thread that empties the span recorder: fills histograms, keeps the last seconds, watches the cost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from inference_bench._native import Histogram, SpanRecorder, SpanRecords, Table, now_ns
from inference_bench.errors import InvalidValueError
from inference_bench.live.flight_recorder import FlightRecorder
from inference_bench.live.series import SeriesTable

if TYPE_CHECKING:
    from inference_bench.live.sampling import Sampling

OTHERS = "(others)"
"""Where the durations of names beyond the limit go."""

_CHUNK = 4096
"""Durations that are observed without giving the GIL away: 50 µs."""


class Collector:
    """Moves records from the recorder into one histogram per span name, off the path that recorded them.

    Any thread may ask it to ``collect``; the thread that ``start`` makes does so on a grid. Marks are counted by name.

    Attributes:
        marks: how often each mark came.
        listeners: called with each batch, in order; they must be quick and must not raise.
        harvesters: called at each collection, for what others have recorded elsewhere; likewise.
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
        self._made = 0
        self.prepare()

    def prepare(self) -> None:
        """Make what one process needs anew: a child of a fork has neither the thread nor, perhaps, the locks."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Forget what was recorded so far, and begin."""
        import numpy  # noqa: F401 (0.1 s that must not fall into the first interval)

        self._recorder.drain()
        self._made = self.made()
        self._thread = threading.Thread(target=self._run, name="inference_bench-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and collect what is left."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._stop = threading.Event()
        self.collect()

    def collect(self) -> None:
        """Take what was recorded since the last time."""
        with self._lock:
            drained = self._recorder.drain()
            if len(drained):
                self._flight.add(drained)
                self._count(drained)
                for listener in self.listeners:
                    listener(drained)
            for harvest in self.harvesters:
                harvest()

    def made(self) -> int:
        """Return how many records were made since the recorder was."""
        counts = self._recorder.counts()
        return counts["recorded"] + counts["lost"]

    def _run(self) -> None:
        stop = self._stop
        began_ns, cpu_ns = now_ns(), time.thread_time_ns()
        while not stop.wait(self._interval_ns / 1e9):
            self.collect()
            made, ended_ns, cpu_end_ns = self.made(), now_ns(), time.thread_time_ns()
            self._sampling.weigh(made - self._made, cpu_end_ns - cpu_ns, ended_ns - began_ns)
            self._made, began_ns, cpu_ns = made, ended_ns, cpu_end_ns

    def _count(self, drained: SpanRecords) -> None:
        for name, durations in _by_name(drained.spans()):
            histogram = self._histogram(name)
            for start in range(0, len(durations), _CHUNK):
                deque(map(histogram.observe_ns, durations[start : start + _CHUNK]), maxlen=0)
                time.sleep(0)  # hands the GIL over: a server's thread may wait for it
        for name, number in _marks(drained.records()):
            self.marks[name] = self.marks.get(name, 0) + number

    def _histogram(self, name: str) -> Histogram:
        """Return the histogram of a name; those that did not come from the profiler may be too many for the limit."""
        try:
            return self._durations.get(name)
        except InvalidValueError:
            return self._others


def _by_name(spans: Table) -> Iterator[tuple[str, list[int]]]:
    """Yield each name with its durations."""
    import numpy as np

    names, durations = np.asarray(spans.column("name")), np.asarray(spans.column("duration_ns"))
    labels = spans.labels("name") or []
    for number in np.unique(names).tolist():
        yield labels[number], durations[names == number].tolist()


def _marks(records: Table) -> Iterator[tuple[str, int]]:
    """Yield each mark's name with how often it came."""
    import numpy as np

    instant = (records.labels("kind") or []).index("instant")
    names = np.asarray(records.column("name"))[np.asarray(records.column("kind")) == instant]
    labels = records.labels("name") or []
    for number, count in zip(*np.unique(names, return_counts=True), strict=True):
        yield labels[int(number)], int(count)
