"""Whether a case gets a further fresh process: until its figures are precise enough, or the time is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inference_bench._native import now_ns
from inference_bench.orchestration.aggregation import Tally
from inference_bench.plan import Case, Plan
from inference_bench.result import Status


class FurtherRuns:
    """Decides before each process of a case whether it is needed.

    Args:
        plan: says how many processes a case gets at least.
        tallies: case id → what is known of the case so far; read anew for each answer.
        time_ns: no case gets a process beyond its least number once this long has passed; None for no limit.
        clock: returns nanoseconds; a test may give ``testing.FakeClock``.
    """

    def __init__(
        self,
        plan: Plan,
        tallies: Mapping[str, Tally],
        time_ns: int | None,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        self._plan = plan
        self._tallies = tallies
        self._time_ns = time_ns
        self._clock = clock
        self._began_ns = clock()

    def begin(self) -> None:
        """Count the time from now on."""
        self._began_ns = self._clock()

    def is_needed(self, case: Case, run: int) -> bool:
        """Return whether process number ``run`` of a case, from 0, is to be measured."""
        if run < self._plan.least_runs[case.id]:
            return True
        tally = self._tallies[case.id]
        if tally.status is not Status.OK or tally.is_precise:
            return False
        return self._time_ns is None or self._clock() - self._began_ns < self._time_ns
