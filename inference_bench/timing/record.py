"""What was timed in fresh processes, and what the processes say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import median_estimate, relative_width, run_medians_estimate
from inference_bench.result import Estimate

_MANY = 20
"""From this many processes on their order is looked at, too: a drift makes them worth fewer independent ones."""


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """One fresh process.

    Attributes:
        samples_ns: its samples in order of time, at least one; of a command one, from its start to its end.
        cold_ns: the first execution of a snippet; None for a command.
        executions: executions of a snippet that each sample is the mean of.
        user_ns: processor time in user mode; None for a snippet.
        system_ns: processor time in the kernel; None for a snippet.
        peak_rss_bytes: peak resident memory of a command and its children; None for a snippet.
        exit_code: of a command, negative for a signal.
        floor_ns: what an empty execution takes in this process; None for a command.
    """

    samples_ns: Sequence[float]
    cold_ns: float | None = None
    executions: int = 1
    user_ns: int | None = None
    system_ns: int | None = None
    peak_rss_bytes: int | None = None
    exit_code: int = 0
    floor_ns: float | None = None

    @property
    def figure_ns(self) -> float:
        """The median of its samples."""
        return float(np.median(self.samples_ns))


@dataclass(frozen=True, slots=True)
class Floor:
    """What nothing takes on the same path; part of every time, and never subtracted.

    Attributes:
        what: what was timed: ``starting an empty shell``.
        time_ns: how long that takes.
        peak_rss_bytes: its peak of memory, below which that of a command cannot be seen; 0 for code.
    """

    what: str
    time_ns: float
    peak_rss_bytes: int = 0


@dataclass(slots=True)
class Record:
    """One thing that is timed.

    Attributes:
        name: for people.
        processes: number of the round → the process of that round.
        parameters: values of ``--parameter-scan`` and ``--parameter-list`` by name.
        stop_reason: why there is no further process.
        converged: whether the median became as precise as asked for.
    """

    name: str
    processes: dict[int, ProcessTimes] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    stop_reason: str = ""
    converged: bool = False

    @property
    def figures_ns(self) -> NDArray[np.float64]:
        """The median of each process, shape (n,)."""
        return np.array([process.figure_ns for process in self.processes.values()])

    @property
    def samples_ns(self) -> NDArray[np.float64]:
        """All samples of all processes, in order of time."""
        return np.concatenate([process.samples_ns for process in self.processes.values()])

    @property
    def estimate(self) -> Estimate:
        """The median of the processes with its 95 % interval."""
        figures = self.figures_ns
        return median_estimate(figures) if len(figures) >= _MANY else run_medians_estimate(figures)

    @property
    def median_ns(self) -> float:
        """The median of the processes."""
        value = self.estimate.value
        return float(np.median(self.figures_ns)) if value is None else float(value)

    @property
    def interval_ns(self) -> tuple[float, float] | None:
        """Both ends of the median's interval; None if the processes are too few."""
        found = self.estimate
        return None if found.low is None or found.high is None else (float(found.low), float(found.high))

    @property
    def peak_rss_bytes(self) -> int:
        """The largest peak of memory of a process; 0 if unknown."""
        return max(process.peak_rss_bytes or 0 for process in self.processes.values())

    @property
    def half_width(self) -> float | None:
        """Distance from the median to the ends of its interval, as a fraction; None without an interval."""
        width = relative_width(self.estimate)
        return None if width is None else width / 2
