"""The worker processes that a plan still needs, in the order of measuring."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from inference_bench.plan import Group, Plan
from inference_bench.result import Status
from inference_bench.results.run import Run


@dataclass(frozen=True, slots=True)
class Job:
    """One worker process to start.

    Attributes:
        number: position among the jobs, from 0.
        run: number of the fresh process for each of its cases, from 0.
        group: the cases that share its load.
    """

    number: int
    run: int
    group: Group


def jobs_of(plan: Plan, done: Collection[str] = ()) -> list[Job]:
    """Return one job per worker to start, without the cases whose ids are in ``done``."""
    rest = (
        (run, replace(group, cases=tuple(case for case in group.cases if case.id not in done)))
        for run, group in plan.worker_runs()
    )
    return [Job(number, run, group) for number, (run, group) in enumerate(each for each in rest if each[1].cases)]


def done_cases(former: Run, plan: Plan, *, retry_failed: bool) -> dict[str, str]:
    """Return case id → status of the planned cases that need no more measuring.

    Args:
        former: the run as an earlier process left it.
        plan: its plan.
        retry_failed: whether cases that failed are measured again.
    """
    planned = {case.id for case in plan.cases}
    found = {}
    for result in former.results:
        case_id, status = result.case.id, result.status
        complete = len(result.workers) >= plan.least_runs.get(case_id, 1) if status is Status.OK else not retry_failed
        if status is Status.NOT_APPLICABLE or (complete and status is not Status.INTERRUPTED):
            found[case_id] = status.value
    return {case_id: status for case_id, status in found.items() if case_id in planned}
