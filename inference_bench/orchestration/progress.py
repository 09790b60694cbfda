"""What the orchestrator tells whoever watches. The base class says nothing; the command line draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_bench.plan import Case, Plan
    from inference_bench.result import BenchmarkResult


class Progress:
    """Called from the event loop; every method must return at once."""

    def started(self, plan: Plan) -> None:
        """A plan begins."""

    def message(self, text: str) -> None:
        """Something slow happens that is not a case: fetching weights, measuring the floor, loading."""

    def case_started(self, case: Case, run: int) -> None:
        """A worker begins to measure a case."""

    def case_progress(self, case: Case, fields: Mapping[str, Any]) -> None:
        """Present medians and interval widths of the case (see ``protocol``, ``progress``)."""

    def loading_ahead(self, states: Mapping[str, str]) -> None:
        """What waits behind the present case: model → ``loading``, ``frozen`` or ``loaded``."""

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """A case has a result, of this and all earlier runs."""

    def warn(self, text: str) -> None:
        """Something the reader should know now."""

    def close(self) -> None:
        """Nothing more will come."""
