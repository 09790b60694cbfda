"""Progress on standard error for programs: one JSON object per line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import orjson

from inference_bench._native import now_ns
from inference_bench.metrics import unit_of
from inference_bench.orchestration.progress import Progress
from inference_bench.results.serialization import case_to_plain, plain

if TYPE_CHECKING:
    from inference_bench.orchestration.messages import CaseProgress
    from inference_bench.plan import Case, Plan
    from inference_bench.result import BenchmarkResult


class JsonProgress(Progress):
    """Prints each event: its name, the time, the nanoseconds since the start, and its fields."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began_ns = now_ns()
        self._states: dict[str, str] = {}

    def started(self, plan: Plan) -> None:
        """Print the cases and the number of measurements."""
        self._say("plan", cases=[case_to_plain(case) for case in plan.cases], measurements=plan.measurements)

    def message(self, text: str) -> None:
        """Print what happens between cases."""
        self._say("message", text=text)

    def case_started(self, case: Case, run: int) -> None:
        """Print the case."""
        self._say("case_started", case=case.id, slug=case.slug, run=run)

    def case_progress(self, case: Case, progress: CaseProgress) -> None:
        """Print the progress of the case: running medians, and the widths of their intervals as fractions."""
        known = {
            name: value
            for name in ("iterations", "total", "samples", "medians", "widths", "peak_rss_bytes")
            if (value := getattr(progress, name)) is not None
        }
        self._say("case_progress", case=case.id, **known)

    def loading_ahead(self, states: Mapping[str, str]) -> None:
        """Print what is loaded ahead, if that has changed."""
        if dict(states) != self._states:
            self._states = dict(states)
            self._say("loading_ahead", models=self._states)

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Print how the case ended, and its figures."""
        figures = [
            {"metric": s.metric, "phase": s.phase, "unit": unit_of(s.metric), **plain(s.headline), "n": s.n}
            for s in result.summaries
        ]
        self._say(
            "case_ended",
            case=result.case.id,
            slug=result.case.slug,
            run=run,
            status=result.status.value,
            cause=result.failure.cause if result.failure else None,
            figures=figures,
        )

    def not_needed(self, case: Case, run: int) -> None:
        """Print the case."""
        self._say("not_needed", case=case.id, run=run)

    def warn(self, text: str) -> None:
        """Print it."""
        self._say("warning", text=text)

    def close(self) -> None:
        """Print the last event."""
        self._say("end")

    def _say(self, event: str, **fields: object) -> None:
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"event": event, "time_utc": when, "elapsed_ns": now_ns() - self._began_ns, **fields}
        print(orjson.dumps(plain(line)).decode(), file=self._stream, flush=True)
