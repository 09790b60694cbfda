"""How many fresh processes a case gets: the decision alone, then with real workers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.orchestration.aggregation import Tally
from inference_bench.orchestration.further_runs import FurtherRuns
from inference_bench.orchestration.jobs import done_cases
from inference_bench.orchestration.messages import Failed
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.plan import Plan
from inference_bench.result import Status
from inference_bench.spec import Limits, Spec
from inference_bench.testing import FakeClock, make_case
from inference_bench.units import NS_PER_S
from tests.factories import run, spec
from tests.processes import assert_no_worker_is_left

CASE = make_case()
_LIMITS = Limits(min_samples=5, budget_ns=NS_PER_S // 10, relative_width=0.9, warmup_iterations=1)
_spec = partial(spec, "slow", limits=_LIMITS, input_length=(8,), new_tokens=(4,), runs=4)


class _Precise(Tally):
    is_precise = True


def further(tally: Tally, time_ns: int | None = None, clock: FakeClock | None = None) -> FurtherRuns:
    plan = Plan((CASE,), (), runs={CASE.id: 5}, least_runs={CASE.id: 3}, limits=Limits())
    return FurtherRuns(plan, {CASE.id: tally}, time_ns, clock or FakeClock())


def needed(of: FurtherRuns) -> list[bool]:
    return [of.is_needed(CASE, run) for run in range(5)]


def test_a_case_that_is_precise_gets_its_least_number():
    assert needed(further(_Precise(CASE, Limits()))) == [True, True, True, False, False]
    assert needed(further(Tally(CASE, Limits()))) == [True] * 5


def test_a_case_that_failed_gets_its_least_number():
    tally = Tally(CASE, Limits())
    tally.add(0, Failed(Status.OOM, "out of memory", ""))

    assert needed(further(tally)) == [True, True, True, False, False]


def test_the_time_counts_from_the_first_process_and_takes_none_of_the_least_number():
    clock = FakeClock()
    of = further(Tally(CASE, Limits()), 10, clock)
    clock.advance(1000)
    of.begin()

    clock.advance(9)
    assert needed(of) == [True] * 5
    clock.advance(1)
    assert needed(of) == [True, True, True, False, False]


class _Recorder(Progress):
    def __init__(self) -> None:
        self.left_out: list[int] = []

    def not_needed(self, case, run):
        self.left_out.append(run)


@pytest.mark.parametrize(
    ("width", "changes", "processes"),
    [
        (0.9, {"least_runs": 3}, 3),
        (1e-9, {"least_runs": 3}, 4),
        (1e-9, {"least_runs": 3, "time_ns": 1}, 3),
        (0.9, {}, 4),
    ],
)
def test_processes_are_measured_until_the_interval_over_them_is_narrow_enough(
    tmp_path, bad_models, width, changes, processes
):
    progress = _Recorder()
    asked = replace(_spec(limits=replace(_LIMITS, relative_width=width)), **changes)

    outcome = run(asked, tmp_path, bad_models, progress=progress)

    (result,) = outcome.run.results
    assert len(result.workers) == processes
    assert progress.left_out == list(range(processes, 4))
    assert outcome.run.record.finished
    ttft = next(s for s in result.summaries if s.metric == "ttft")
    assert (ttft.runs, ttft.scope, ttft.converged) == (processes, "runs", width > 0.5)
    words = f"interval over {processes} processes narrow enough" if width > 0.5 else f"after {processes} processes the"
    assert ttft.stop_reason.startswith(words)
    assert_no_worker_is_left()


def test_a_model_that_loaded_ahead_for_nothing_is_let_go(tmp_path, bad_models):
    asked = replace(_spec(), models=("good", "slow"), least_runs=3)

    outcome = run(asked, tmp_path, bad_models)

    assert [len(result.workers) for result in outcome.run.results][1:] == [3]
    assert_no_worker_is_left()


def test_a_case_with_its_least_number_of_processes_is_not_resumed(tmp_path, bad_models):
    asked = replace(_spec(), least_runs=3)
    outcome = run(asked, tmp_path, bad_models)

    plan = prepare(asked, [bad_models]).plan
    assert set(done_cases(outcome.run, plan, retry_failed=False)) == {plan.cases[0].id}


@pytest.mark.parametrize("least", [0, 5])
def test_the_least_number_lies_within_the_largest(least):
    with pytest.raises(InvalidValueError, match=r"expected a whole number from 1 to runs \(4\)"):
        Spec(models=("m",), benchmarks=("b",), runs=4, least_runs=least)


def test_a_time_is_positive():
    with pytest.raises(InvalidValueError, match="a positive whole number of nanoseconds"):
        Spec(models=("m",), benchmarks=("b",), time_ns=0)
