"""Advice on a run: each of its cases judged by the table of rules. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inference_bench.analysis.advice.advice import Advice, CaseAdvice, ClassFinding, Experiment, LeftOut
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.class_rule import judge_all
from inference_bench.analysis.advice.phase import phases_of
from inference_bench.analysis.advice.possible import ANYTHING, Possible
from inference_bench.analysis.advice.rules import CLASS_RULES, RULES_VERSION
from inference_bench.analysis.advice.suggestions import best_first, suggestions
from inference_bench.result import Status
from inference_bench.spec import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult, RunRecord


class MeasuredRun(Protocol):
    """The part of a run that advice needs, such as ``results.run.Run``."""

    @property
    def record(self) -> RunRecord:
        """How the cases were measured."""

    @property
    def results(self) -> Sequence[BenchmarkResult]:
        """The cases that ended."""


def advise(
    run: MeasuredRun, ceilings: Ceilings | None, possible: Callable[[Case], Possible] = lambda _: ANYTHING
) -> Advice:
    """Return what can be said of each case of a run.

    Args:
        run: that was measured.
        ceilings: of the machine and the kind of device that it was measured on; None if unknown.
        possible: returns what can be changed about a case where the experiments are to run.
    """
    fingerprint = str(run.record.environment.get("fingerprint", ""))
    cases = tuple(_of_case(result, run, ceilings, possible(result.case)) for result in run.results)
    return Advice(run.record.id, fingerprint, ceilings.measured_utc if ceilings else "", RULES_VERSION, cases)


def _of_case(result: BenchmarkResult, run: MeasuredRun, ceilings: Ceilings | None, possible: Possible) -> CaseAdvice:
    phases = phases_of(result)
    problem = _problem(result) or ("" if phases else _nothing_timed(result))
    if problem:
        return CaseAdvice(result.case, problem=problem)
    others = [other for other in run.results if other is not result]
    judged: list[ClassFinding] = []
    experiments: list[Experiment] = []
    left_out: list[LeftOut] = []
    for phase in phases:
        facts = CaseFacts(result, run.record, phase, ceilings, others)
        findings = list(judge_all(CLASS_RULES, facts))
        suggested, omitted = suggestions(findings, facts, possible)
        judged += findings
        experiments += suggested
        left_out += omitted
    return CaseAdvice(result.case, tuple(judged), best_first(experiments), tuple(dict.fromkeys(left_out)))


def _problem(result: BenchmarkResult) -> str:
    if result.status is Status.OK:
        return ""
    cause = f": {result.failure.cause}" if result.failure else ""
    return f"the case ended as {result.status.value}{cause}"


def _nothing_timed(result: BenchmarkResult) -> str:
    if result.case.setup.device == ENDPOINT:
        return "of an endpoint only the queue can be judged, under a load: run --benchmark serving_load"
    metrics = ", ".join(dict.fromkeys(s.metric for s in result.summaries)) or "no metric"
    return f"it has {metrics}, expected the time of a phase (ttft, itl, forward_time, load_time or request_ttft)"
