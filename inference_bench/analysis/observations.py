"""What is compared: the observations of each side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inference_bench.plan import Case

Process = tuple[str, int]
"""Names a fresh process within its side: folder and run number, or session and pair number if interleaved."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What one side observed of one metric in one phase of one case.

    Attributes:
        case: the case.
        metric: tag.
        phase: as in ``Samples``; of a scored metric the task.
        values: process → its figure in the metric's unit: the median (or the quantile asked for) of its samples, or the
            metric's statistic of its scores, if each process measures them anew.
        scores: item → score and weight, of a scored metric, in the order of the items.
        resolution: smallest difference that the instrument can measure, in the metric's unit.
        grade: the worst grade of the case's runs; empty if not graded.
        random_weights: as in ``BenchmarkResult``; figures of random weights never pair with those of others.
        machine: where it was measured, if the sides were on several machines, else empty; figures of different machines
            never pair.
    """

    case: Case
    metric: str
    phase: str
    values: Mapping[Process, float] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    resolution: float = 0.0
    grade: str = ""
    random_weights: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True)
class CaseFailure:
    """A case that was not measured, or only in part.

    Attributes:
        case: the case.
        cause: why.
        machine: as in ``Observations``.
    """

    case: Case
    cause: str
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things compared.

    Attributes:
        name: for people.
        observations: what was measured.
        failures: what was not.
        left_out: what was measured but cannot be compared as asked, and why, one line each.
    """

    name: str
    observations: tuple[Observations, ...]
    failures: tuple[CaseFailure, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def cases(self) -> list[Case]:
        """All cases, including those that failed."""
        found = [*(of.case for of in self.observations), *(failure.case for failure in self.failures)]
        return list({case.id: case for case in found}.values())

    @property
    def everything_left_out(self) -> str:
        """Why nothing of this side can be compared; empty if something can."""
        return "" if self.observations else "; ".join(self.left_out)
