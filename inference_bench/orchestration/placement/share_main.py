"""The process of a share: reads a request from standard input and tells its events on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from inference_bench.errors import InferenceBenchError, StorageError
from inference_bench.orchestration.catching_up import patiently
from inference_bench.orchestration.placement.node_calibration import calibrate_node
from inference_bench.orchestration.placement.process_end import FAILED, REFUSED
from inference_bench.orchestration.placement.scratch import scratch_folder
from inference_bench.orchestration.placement.share import CALIBRATE, ShareRequest
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, resume_run, run_benchmarks
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult
from inference_bench.results.reading import read_as
from inference_bench.results.run_folder import LOCAL_OUTPUT, runs_in
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.storage import Folder, StoredPath, place_of


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
    """Carry out the share, or the calibration; 2 if it is refused, or if the store does not answer."""
    asked = json.load(sys.stdin)
    if CALIBRATE in asked:
        return calibrate_node(asked[CALIBRATE], tell)
    request = read_as(ShareRequest, asked, "share")
    sys.argv = list(request.argv) or sys.argv
    try:
        outcome = asyncio.run(patiently(lambda: _carry_out(request), TellingProgress().warn))
    except InferenceBenchError as error:
        is_temporary = isinstance(error, StorageError) and error.is_temporary
        tell(FAILED if is_temporary else REFUSED, text=str(error))
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
    output = place_of(request.output)
    scratch = scratch_folder(request.scratch) if isinstance(output, StoredPath) else None
    if scratch is not None:
        os.chdir(scratch)
    begun = _begun(request, scratch)
    models_dirs, benchmarks_dirs = _paths(request.models_dirs), _paths(request.benchmarks_dirs)
    if begun is None:
        outcome = await run_benchmarks(
            spec_from_plain(request.spec, "share"),
            output=output,
            models_dirs=models_dirs,
            benchmarks_dirs=benchmarks_dirs,
            force=request.force,
            marks=request.marks,
            progress=TellingProgress(),
            handle_signals=True,
            in_share=True,
        )
    else:
        outcome = await resume_run(
            begun,
            models_dirs=models_dirs,
            benchmarks_dirs=benchmarks_dirs,
            force=request.force,
            sinks=[str(output)] if isinstance(output, StoredPath) and isinstance(begun, Path) else (),
            progress=TellingProgress(),
            handle_signals=True,
            in_share=True,
        )
    if scratch is not None and outcome.run.record.finished and not outcome.sink_failure:
        shutil.rmtree(scratch, ignore_errors=True)  # all of it is in the store
    return outcome


def _begun(request: ShareRequest, scratch: Path | None) -> Folder | None:
    """Return the run of this share that an earlier process began: the one that the driver found, or one on this disk.

    A process that was killed while the store did not answer has left its cases on the disk only.
    """
    if request.resume is not None:
        return place_of(request.resume)
    root = None if scratch is None else scratch / LOCAL_OUTPUT
    return next(iter(runs_in(root)), None) if root is not None and root.is_dir() else None


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]


if __name__ == "__main__":
    sys.exit(main())
