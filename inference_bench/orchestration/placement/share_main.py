"""The process of a share: reads a ``ShareRequest`` from standard input and tells its events on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from inference_bench.errors import InferenceBenchError
from inference_bench.orchestration.catching_up import patiently
from inference_bench.orchestration.placement.share import ShareRequest
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, resume_run, run_benchmarks
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.state_folder import state_folder
from inference_bench.results.storage import StoredPath, place_of

_SCRATCH = "shares"


class TellingProgress(Progress):
    """Tells what the driver shows."""

    def message(self, text: str) -> None:
        """Tell what happens between cases."""
        tell("message", text=text)

    def case_started(self, case: Case, run: int) -> None:
        """Tell the case."""
        tell("case_started", slug=case.slug, run=run)

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Tell how it ended."""
        tell("case_ended", slug=result.case.slug, run=run, status=result.status.value)

    def warn(self, text: str) -> None:
        """Tell it."""
        tell("warning", text=text)


def tell(event: str, **facts: object) -> None:
    """Print an event as one line."""
    print(json.dumps({"event": event, **facts}), flush=True)


def main() -> int:
    """Carry out the share; 2 if it is refused."""
    request = read_as(ShareRequest, json.load(sys.stdin), "share")
    sys.argv = list(request.argv) or sys.argv
    try:
        outcome = asyncio.run(patiently(lambda: _carry_out(request)))
    except InferenceBenchError as error:
        tell("refused", text=str(error))
        return error.exit_code
    tell(
        "ended",
        run=outcome.stored_at[0] if outcome.stored_at else str(outcome.folder),
        finished=outcome.run.record.finished,
        sink_failure=outcome.sink_failure,
        cases={result.case.slug: result.status.value for result in outcome.run.results},
    )
    return 0


async def _carry_out(request: ShareRequest) -> RunOutcome:
    output, scratch = place_of(request.output), None
    models_dirs, benchmarks_dirs = _paths(request.models_dirs), _paths(request.benchmarks_dirs)
    if isinstance(output, StoredPath):
        scratch = _enter_scratch(request.scratch)
    if request.resume is None:
        outcome = await run_benchmarks(
            spec_from_plain(request.spec, "share"),
            output=output,
            models_dirs=models_dirs,
            benchmarks_dirs=benchmarks_dirs,
            force=request.force,
            marks=request.marks,
            progress=TellingProgress(),
            handle_signals=True,
        )
    else:
        outcome = await resume_run(
            place_of(request.resume),
            models_dirs=models_dirs,
            benchmarks_dirs=benchmarks_dirs,
            force=request.force,
            progress=TellingProgress(),
            handle_signals=True,
        )
    if scratch is not None and outcome.run.record.finished and not outcome.sink_failure:
        shutil.rmtree(scratch, ignore_errors=True)  # all of it is in the store
    return outcome


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]


def _enter_scratch(name: str) -> Path:
    """Make the folder on this node's disk that a stored share is written to first the current one."""
    base = state_folder() or Path(tempfile.gettempdir()) / "inference_bench"
    folder = base / _SCRATCH / name
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
