"""A change of a case as an experiment, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inference_bench.analysis.advice.ab_words import ab_words
from inference_bench.analysis.advice.advice import ClassFinding, Experiment, LeftOut
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.intervals import as_factor
from inference_bench.analysis.advice.missing import MissingFactError
from inference_bench.analysis.advice.phase import DECODE, FORWARD, PREFILL, PROCESS
from inference_bench.analysis.advice.possible import Possible
from inference_bench.analysis.advice.prediction import speedup
from inference_bench.ceilings import Interval
from inference_bench.plan import Case

_STEP_METRICS = ("ttft", "itl")
_MAIN = {"itl": DECODE, "ttft": PREFILL, "forward_time": FORWARD, "call_time": "call"}
"""Metric → its phase, the one first that changes of a whole process are judged by."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a change is predicted to bring.

    Attributes:
        time: of a step after the change over that before.
        how: how that was predicted, a sentence without an end.
    """

    time: Interval
    how: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a class suggests.

    Attributes:
        baseline: the present value in the words of ``ab``.
        candidate: the changed one.
        predict: returns what it is predicted to bring; raises ``MissingFactError`` where a fact for that is unknown.
            None if ``problem`` says why it is no experiment.
        problem: why it is no experiment, a sentence without an end.
        case: that is measured on both sides; None for the case itself.
        work: as in ``Experiment``.
        is_counterfactual: as in ``Experiment``.
    """

    baseline: str
    candidate: str
    predict: Callable[[], Prediction] | None
    problem: str = ""
    case: Case | None = None
    work: float = 1.0
    is_counterfactual: bool = False


Changes = Callable[[CaseFacts, Possible], Iterator[Change]]
"""Yields the changes that a class suggests."""


def suggested_by(finding: ClassFinding, change: Change, facts: CaseFacts, possible: Possible) -> Experiment | LeftOut:
    """Return a change that a finding suggests as an experiment, or why it is none."""

    def left_out(reason: str) -> LeftOut:
        return LeftOut(change.candidate, finding.code, finding.phase, reason)

    problem = possible.refused.get(change.candidate, "") or change.problem
    if change.predict is None or problem:
        return left_out(problem)
    try:
        prediction = change.predict()
        metric, phase = _measured(finding, facts)
    except MissingFactError as missing:
        return left_out(f"its gain cannot be predicted: {missing.fact} is unknown ({missing.tell})")
    predicted = speedup(prediction.time, change.work)
    if predicted.high <= 1 and not change.is_counterfactual:
        return left_out(f"predicted {as_factor(predicted)}: a loss")
    case = change.case or facts.result.case
    return Experiment(
        change=change.candidate,
        baseline=change.baseline,
        because=finding.code,
        phase=phase,
        metric=metric,
        predicted=predicted,
        how=prediction.how,
        command=ab_words(case, change.baseline, change.candidate, _judged_by(facts, metric)),
        work=change.work,
        is_counterfactual=change.is_counterfactual,
    )


def _measured(finding: ClassFinding, facts: CaseFacts) -> tuple[str, str]:
    """Return the metric and phase that the prediction is of; of a whole process the main one."""
    if finding.phase != PROCESS:
        return finding.metric, finding.phase
    present = {summary.metric for summary in facts.result.summaries}
    metric = next((metric for metric in _MAIN if metric in present), "")
    if not metric:
        raise MissingFactError("a time that the change would move", "measure inference_speed")
    return metric, _MAIN[metric]


def _judged_by(facts: CaseFacts, metric: str) -> tuple[str, ...]:
    """Return the metrics that the command measures: both of a generation, so that one command serves both phases."""
    present = {summary.metric for summary in facts.result.summaries}
    if metric in _STEP_METRICS:
        return tuple(each for each in _STEP_METRICS if each in present)
    return (metric,)
