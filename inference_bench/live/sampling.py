"""Choose which requests are recorded in detail, so that recording stays within its budget."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from statistics import median
from time import perf_counter_ns

import inference_bench._native as _native
from inference_bench.live.snapshot import Cost

_LEAST = 1 << 16
"""The largest distance between two sampled requests."""

_MEMORY = 8
"""Intervals over which the cost is averaged, so that one burst or first call does not lower the sampling."""

_CALIBRATIONS = 20


class Sampling:
    """Doubles the distance between sampled requests while the cost is above its budget, halves it below a quarter.

    Args:
        budget: share of one core that recording may take.
        when_idle: called where a request or generation begins that is not recorded, because nothing runs.

    Attributes:
        running: whether any request is sampled; true while the profiler records.
        every: distance between two sampled requests.
        lowered: number of times that ``every`` was doubled.
        record_ns: cost of one span with one observation.
        duty: share of one core that recording takes, averaged over some intervals.
    """

    def __init__(self, budget: float, when_idle: Callable[[], object] = lambda: None) -> None:
        self.budget = budget
        self.running = False
        self.every = 1
        self.lowered = 0
        self.record_ns = 0.0
        self.duty = 0.0
        self._numbers = count(1)
        self._when_idle = when_idle

    def next(self) -> tuple[int, bool]:
        """Return the next id of a request or generation, and whether to record it in detail."""
        number = next(self._numbers)  # one C call: no two threads get the same
        if self.running:
            return number, number % self.every == 0
        self._when_idle()
        return number, False

    def weigh(self, records: int, cpu_ns: int, wall_ns: int) -> None:
        """Update ``duty`` and ``every`` by the last interval.

        Args:
            records: records made during it.
            cpu_ns: CPU time of the collector's thread during it.
            wall_ns: its length.
        """
        present = (records * self.record_ns + cpu_ns) / max(wall_ns, 1)
        self.duty += (present - self.duty) / _MEMORY
        if self.duty > self.budget and self.every < _LEAST:
            self.every *= 2
            self.lowered += 1
        elif self.duty < self.budget / 4 and self.every > 1:
            self.every //= 2

    def calibrate(self) -> None:
        """Measure the cost of one span with one observation, on a running recorder; the caller drops its records."""
        span, histogram = _native.span("inference_bench.cost"), _native.Histogram()
        observe, now_ns = histogram.observe_ns, _native.now_ns
        now_ns()  # the first one calibrates the clock
        costs = []
        for _ in range(_CALIBRATIONS):
            began_ns = perf_counter_ns()
            for _ in range(100):
                with span:
                    observe(now_ns())
            costs.append((perf_counter_ns() - began_ns) / 100)
        self.record_ns = median(costs)

    def cost(self) -> Cost:
        """Return the present cost and sampling."""
        return Cost(self.record_ns, self.duty, self.budget, self.every, self.lowered)
