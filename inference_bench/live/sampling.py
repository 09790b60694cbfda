"""How many requests are recorded in detail, steered by what recording costs."""

from __future__ import annotations

from itertools import count
from statistics import median
from time import perf_counter_ns

import inference_bench._native as _native
from inference_bench.live.snapshot import Cost

_LEAST = 1 << 16
"""One request in so many is recorded at the least."""

_MEMORY = 8
"""Intervals over which the cost is averaged: a burst, or the first call of something, is no reason to see less."""

_CALIBRATIONS = 20


class Sampling:
    """Doubles the distance between sampled requests while the cost is above its budget, halves it below a quarter."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.every = 1
        self.lowered = 0
        self.record_ns = 0.0
        self.duty = 0.0
        self._numbers = count(1)

    def next(self) -> tuple[int, bool]:
        """Return the next request's id, and whether it is sampled."""
        number = next(self._numbers)  # one C call: no two threads get the same
        return number, number % self.every == 0

    def weigh(self, records: int, cpu_ns: int, wall_ns: int) -> None:
        """Take the last interval into account.

        Args:
            records: made during it.
            cpu_ns: that the collector's thread took.
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
        """Measure what one span with one observation costs; a recorder runs, and its records are thrown away later."""
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
        """Return the present state."""
        return Cost(self.record_ns, self.duty, self.budget, self.every, self.lowered)
