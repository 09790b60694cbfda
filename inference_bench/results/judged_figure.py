"""One figure of a new run, judged by those of earlier runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.prediction_interval import FEWEST_RUNS, Figures, Judgement, Prediction, predict
from inference_bench.metrics import METRICS, Better, Replicate, Statistic
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.plan import Case
    from inference_bench.results.comparable_runs import ComparableRuns
    from inference_bench.results.comparison_sides import Slot
    from inference_bench.results.noise_store import Noise
    from inference_bench.results.run_figures import Figure, RunFigures


@dataclass(frozen=True, slots=True)
class JudgedFigure:
    """One metric in one phase of one case of a new run.

    Attributes:
        case: the case.
        metric: tag.
        phase: as in ``Summary``; of a scored metric the task.
        value: the new figure, in the metric's unit.
        prediction: what earlier runs say; None if no earlier run has the figure.
        reason: why there is no verdict, or no worse one; empty if nothing needs a reason.
        random_weights: as in ``BenchmarkResult``.
    """

    case: Case
    metric: str
    phase: str
    value: float
    prediction: Prediction | None
    reason: str = ""
    random_weights: str = ""

    @property
    def slot(self) -> Slot:
        """Case id, random weights, metric and phase."""
        return self.case.id, self.random_weights, self.metric, self.phase

    @property
    def judgement(self) -> Judgement:
        """The verdict."""
        return Judgement.UNKNOWN if self.prediction is None else self.prediction.judgement


def is_exact(metric: str) -> bool:
    """Return whether unchanged code gives the same figure each time: every process has the same scores."""
    return metric in METRICS and METRICS[metric].replicate is Replicate.ITEM


def judge_figure(
    new: RunFigures,
    slot: Slot,
    comparable: ComparableRuns,
    comparisons: int,
    *,
    margin: float = MARGIN,
    noise: Noise | None = None,
) -> JudgedFigure:
    """Judge one figure.

    Args:
        new: the new run.
        slot: case id, random weights, metric and phase of the figure.
        comparable: the runs that it is judged by.
        comparisons: the number of figures of the new run that are judged by a spread.
        margin: changes up to this fraction count as none.
        noise: the A/A floors of this machine, or None if unknown.
    """
    case_id, random_weights, tag, phase = slot
    case, figure, earlier = new.cases[case_id], new.figures[slot], comparable.of(slot)
    if not earlier:
        return JudgedFigure(case, tag, phase, figure.value, None, "no earlier run has it", random_weights)
    spread = None if noise is None else _spread(noise, slot, case, figure, earlier)
    how = Figures(
        comparisons=comparisons,
        margin=margin,
        higher_is_worse=tag not in METRICS or METRICS[tag].better is Better.LOWER,
        relative=tag not in METRICS or METRICS[tag].statistic is not Statistic.SLOPE,
        resolution=max(of.resolution for of in (figure, *earlier)),
        exact=is_exact(tag),
        spread=spread,
    )
    found = predict(figure.value, [of.value for of in earlier], how)
    if tag not in METRICS:
        found = replace(found, judgement=Judgement.UNKNOWN)
    return JudgedFigure(case, tag, phase, figure.value, found, _reason(tag, case, found, noise), random_weights)


def _spread(noise: Noise, slot: Slot, case: Case, new: Figure, earlier: Sequence[Figure]) -> float | None:
    processes = max(1, new.processes), max(1, sum(of.processes for of in earlier))
    return noise.run_spread((case.benchmark, slot[2], slot[3]), slot[0], processes)


def _reason(tag: str, case: Case, found: Prediction, noise: Noise | None) -> str:
    if found.judgement is not Judgement.UNKNOWN:
        return ""
    if tag not in METRICS:
        return "this version does not know whether more or less of it is better"
    have = f"{counted(found.n, 'earlier run')}, expected {FEWEST_RUNS} or more"
    if is_exact(tag):
        return f"{have}, since they are not all equal"
    if not found.relative:
        return f"{have}, since it is zero or negative"
    measured = "not known on this machine" if noise is None else f"not measured for {case.benchmark.replace('_', ' ')}"
    return f"{have}, or the A/A floor, which is {measured} (`noise`)"
