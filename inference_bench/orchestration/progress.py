"""What happens in a run, as calls. The base class does nothing; the command line draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_bench.orchestration.messages import CaseProgress
    from inference_bench.plan import Case, Plan
    from inference_bench.result import BenchmarkResult


class Progress:
    """Receives the events of a run from its event loop; every method must return at once."""

    def started(self, plan: Plan) -> None:
        """A plan begins."""

    def message(self, text: str) -> None:
        """Something slow begins that is not a case: fetching weights, measuring the floor, loading."""

    def case_started(self, case: Case, run: int) -> None:
        """A worker begins to measure a case."""

    def case_progress(self, case: Case, progress: CaseProgress) -> None:
        """A worker reports how far a case is."""

    def loading_ahead(self, states: Mapping[str, str]) -> None:
        """The models that wait for their turn: name → ``loading``, ``frozen``, ``on the host`` or ``loaded``."""

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """A case has a result, over this and all earlier runs."""

    def warn(self, text: str) -> None:
        """The reader should know something now."""

    def close(self) -> None:
        """The run has ended: no further call follows."""
