"""Whether a prediction was right: an experiment held against what was measured. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from inference_bench.analysis.advice.advice import Experiment
from inference_bench.analysis.advice.intervals import as_factor
from inference_bench.ceilings import Interval
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference_bench.analysis.comparison_result import Comparison


class ProofVerdict(StrEnum):
    """What a measurement says of a prediction."""

    HOLDS = "holds"
    REFUTED = "refuted"
    OPEN = "cannot tell"


_FAIR_WIDTH = 0.1
"""A measured interval up to this wide, as a fraction, may judge any prediction, however narrow."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An experiment that was carried out.

    Attributes:
        case: id of the case that it is about.
        experiment: with its prediction.
        verdict: what the measurement says of it.
        measured: how many times as fast the candidate was, with its interval; None if there is none.
        pairs: interleaved pairs of fresh processes.
        level: confidence level of the interval.
        folder: name of the folder with the runs, in ``proofs`` of the run's folder.
        measured_utc: ISO 8601.
        reason: why it cannot be told, a sentence without an end; empty if it can.
    """

    case: str
    experiment: Experiment
    verdict: ProofVerdict
    measured: Interval | None
    pairs: int
    level: float
    folder: str
    measured_utc: str
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The prediction and what came of it."""
        found = self.measured
        if found is None:
            measured = "not measured"
        else:
            measured = f"measured ×{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        reason = f" ({self.reason})" if self.reason else ""
        return f"predicted {as_factor(self.experiment.predicted)}, {measured}: {self.verdict.value}{reason}"


def prove(
    case: str,
    experiment: Experiment,
    rows: Iterable[Comparison],
    *,
    level: float,
    folder: str,
    measured_utc: str,
    failure: str = "",
) -> Proof:
    """Hold the prediction of an experiment against a comparison.

    Args:
        case: id of the case that it is about.
        experiment: that was measured.
        rows: the candidate against the baseline.
        level: confidence level of their intervals.
        folder: name of the folder with the runs.
        measured_utc: ISO 8601.
        failure: why there is no row, if there is none.
    """
    row = next((row for row in rows if row.metric == experiment.metric and _is_of(row, experiment)), None)
    measured = None if row is None else measured_speedup(row, experiment.work)
    verdict, reason = verdict_of(experiment.predicted, measured)
    if measured is None and (failure or row is not None):
        reason = failure or f"{counted(min(row.runs) if row else 0, 'pair')} without an interval"
    pairs = 0 if row is None else min(row.runs)
    return Proof(case, experiment, verdict, measured, pairs, level, folder, measured_utc, reason)


def _is_of(row: Comparison, experiment: Experiment) -> bool:
    """Return whether a row has the phase of a prediction; the metrics of one phase have it in their name."""
    return experiment.metric != "load_time" or row.phase == "total"


def measured_speedup(row: Comparison, work: float) -> Interval | None:
    """Return how many times as fast the candidate is, from the change of its time; None without an interval.

    Args:
        row: of a time.
        work: of one of the candidate's times over that of one of the baseline's.
    """
    if row.low is None or row.high is None or not row.relative or row.low <= -1:
        return None
    return Interval(work / (1 + row.change), work / (1 + row.high), work / (1 + row.low))


def verdict_of(predicted: Interval, measured: Interval | None) -> tuple[ProofVerdict, str]:
    """Return what a measured interval says of a predicted one, and why it cannot be told.

    The prediction is refuted if the intervals have nothing in common, and holds if they have; but a measured interval
    that is wider than the predicted one, and wider than 10 %, would have agreed with almost anything.
    """
    if measured is None:
        return ProofVerdict.OPEN, "no interval was measured"
    if measured.high < predicted.low or measured.low > predicted.high:
        return ProofVerdict.REFUTED, ""
    widest = max(_width(predicted), math.log1p(_FAIR_WIDTH))
    if _width(measured) > widest:
        return ProofVerdict.OPEN, "the measured interval is wider than the predicted one"
    return ProofVerdict.HOLDS, ""


def _width(of: Interval) -> float:
    return math.log(of.high / of.low) if of.low > 0 else math.inf
