"""What happens in a run, as calls. The base class does nothing; the command line draws."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_bench.orchestration.messages import CaseProgress
    from inference_bench.plan import Case, Plan
    from inference_bench.result import BenchmarkResult

_log = logging.getLogger(__name__)


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

    def not_needed(self, case: Case, run: int) -> None:
        """A planned process of a case is left out: the case is precise enough, or the time is spent."""

    def warn(self, text: str) -> None:
        """The reader should know something now."""

    def close(self) -> None:
        """The run has ended: no further call follows."""


class Harmless(Progress):
    """Passes every call on to another progress, whose exceptions never end the measurement.

    A log on a full disk, a reader that has left, or a fault in a program's own progress costs only what would have been
    shown.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._has_failed = False

    def started(self, plan: Plan) -> None:
        """Pass on."""
        self._try(lambda: self._progress.started(plan))

    def message(self, text: str) -> None:
        """Pass on."""
        self._try(lambda: self._progress.message(text))

    def case_started(self, case: Case, run: int) -> None:
        """Pass on."""
        self._try(lambda: self._progress.case_started(case, run))

    def case_progress(self, case: Case, progress: CaseProgress) -> None:
        """Pass on."""
        self._try(lambda: self._progress.case_progress(case, progress))

    def loading_ahead(self, states: Mapping[str, str]) -> None:
        """Pass on."""
        self._try(lambda: self._progress.loading_ahead(states))

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Pass on."""
        self._try(lambda: self._progress.case_ended(result, run))

    def not_needed(self, case: Case, run: int) -> None:
        """Pass on."""
        self._try(lambda: self._progress.not_needed(case, run))

    def warn(self, text: str) -> None:
        """Pass on."""
        self._try(lambda: self._progress.warn(text))

    def close(self) -> None:
        """Pass on."""
        self._try(self._progress.close)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _log.warning("progress cannot be shown; measuring continues", exc_info=True)


class Watcher(Progress):
    """Passes on messages and warnings, which both sides repeat, from one side only."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def message(self, text: str) -> None:
        """Pass on a message."""
        self._progress.message(text)

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._progress.warn(text)
