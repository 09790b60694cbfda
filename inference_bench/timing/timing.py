"""The result of timing one function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import relative_width
from inference_bench.result import Estimate, Summary
from inference_bench.text import one_line
from inference_bench.units import counted, format_ns

R_co = TypeVar("R_co", covariant=True)

_NEAR_FLOOR = 3.0
"""Below this many times an empty call, most of a time is the call itself."""
_FAR_FROM_FLOOR = 100.0
"""From this many times an empty call on, the call itself is below 1 %."""


@dataclass(frozen=True, slots=True, repr=False)
class Timing(Generic[R_co]):
    """How long the calls of a function took, and how far to believe it. Times are nanoseconds.

    Attributes:
        name: the function's name.
        summary: all statistics of the measured calls.
        samples_ns: the measured calls in order of time, shape (n,), int64.
        returned: what the last call returned.
        floor_ns: what a call of an empty function takes on this path; never subtracted.
        notes: remarks of the measurement, one sentence each.
    """

    name: str
    summary: Summary
    samples_ns: NDArray[np.int64]
    returned: R_co
    floor_ns: float
    notes: tuple[str, ...] = ()

    @property
    def median_ns(self) -> float:
        """The median of the measured calls."""
        return float(np.median(self.samples_ns)) if self.estimate.value is None else float(self.estimate.value)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the median's 95 % interval, for calls of this process; None if the calls do not tell."""
        found = self.estimate
        return None if found.low is None or found.high is None else (float(found.low), float(found.high))

    @property
    def converged(self) -> bool:
        """Whether the median became as precise as asked for."""
        return self.summary.converged

    @property
    def stop_reason(self) -> str:
        """Why sampling ended."""
        return self.summary.stop_reason

    @property
    def n(self) -> int:
        """The number of measured calls."""
        return self.summary.n

    @property
    def cold_ns(self) -> float | None:
        """The first call, which is not among the measured ones."""
        return self.summary.cold

    @property
    def quantiles(self) -> Mapping[str, Estimate]:
        """``p50``, ``p90``, ``p95``, ``p99`` and ``p99.9``, each with its interval; None where calls are too few."""
        return self.summary.quantiles

    @property
    def estimate(self) -> Estimate:
        """The median with its interval."""
        return self.summary.headline

    def __repr__(self) -> str:
        return f"<Timing of {one_line(self.name)}: {self.headline}, {counted(self.n, 'call')}, {self._ending}>"

    def __str__(self) -> str:
        lines = [f"{one_line(self.name)}: {self.headline}", self.details, *(f"note: {note}" for note in self.remarks)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a fragment for notebooks: the figures and a histogram, without a script."""
        from inference_bench.timing.html import html_of

        return html_of(self.name, self.headline, [self.details, *self.remarks], self.samples_ns)

    @property
    def headline(self) -> str:
        """The median and its interval, for people."""
        found = self.interval
        ends = "no interval" if found is None else f"[{format_ns(found[0])}, {format_ns(found[1])}]"
        return f"{format_ns(self.median_ns)} {ends}"

    @property
    def details(self) -> str:
        """Count, precision, cold call, tail and floor, for people."""
        width = relative_width(self.estimate)
        precision = "" if not width else f"median ±{width / 2:.1%} at 95 %"
        p90 = self.quantiles["p90"].value
        near = self.median_ns < _FAR_FROM_FLOOR * self.floor_ns
        parts = (
            counted(self.n, "call"),
            precision,
            self._ending,
            "" if self.cold_ns is None else f"first call {format_ns(self.cold_ns)}",
            "" if p90 is None else f"p90 {format_ns(p90)}",
            f"an empty call {format_ns(self.floor_ns)}" if near else "",
        )
        return " · ".join(filter(None, parts))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What lowers the trust in the median, one sentence each."""
        return tuple(self._remarks())

    def _remarks(self) -> Iterator[str]:
        if self.median_ns < _NEAR_FLOOR * self.floor_ns:
            yield "most of this is the call itself: put a loop into the function, or use `time CODE`"
        if self.summary.steadiness not in ("", "flat"):
            yield f"the times do not keep to one level ({self.summary.steadiness}): look at samples_ns in order"
        if len(self.summary.modes) > 1:
            levels = (f"{format_ns(mode.value)} ({mode.share:.0%})" for mode in self.summary.modes)
            yield f"several levels: {', '.join(levels)}"
        yield from self.notes

    @property
    def _ending(self) -> str:
        return "converged" if self.converged else f"NOT converged: {self.stop_reason}"
