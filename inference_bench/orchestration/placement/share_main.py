"""The process of a share: reads a request from standard input and tells its events on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from inference_bench.errors import InferenceBenchError, InvalidValueError, StorageError, UsageError
from inference_bench.orchestration.catching_up import patiently
from inference_bench.orchestration.placement.node_calibration import calibrate_node
from inference_bench.orchestration.placement.process_end import FAILED, REFUSED
from inference_bench.orchestration.placement.scratch import scratch_folder
from inference_bench.orchestration.placement.share import CALIBRATE, ShareRequest
from inference_bench.orchestration.placement.weights_here import fetch_weights
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, resume_run, run_benchmarks
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult
from inference_bench.results.reading import read_as
from inference_bench.results.run_folder import LOCAL_OUTPUT, runs_in
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.storage import Folder, StoredPath, place_of
from inference_bench.results.sweep_file import SWEEP
from inference_bench.results.upload import fetch_run

_CODE = "code"


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
    sys.argv = sys.orig_argv = list(request.argv) or sys.argv
    try:
        outcome = asyncio.run(patiently(lambda: _carry_out(request), TellingProgress().warn))
    except InferenceBenchError as error:
        is_temporary = isinstance(error, StorageError) and error.is_temporary
        tell(FAILED if is_temporary else REFUSED, text=str(error))
        return error.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        tell("refused", text=f"{error.filename}: {error.strerror}. Expected a folder that this user may write.")
        return UsageError.exit_code
    tell(
        "ended",
        run=outcome.stored_at[0] if outcome.stored_at else str(outcome.folder),
        finished=outcome.run.record.finished,
        sink_failure=outcome.sink_failure,
        cases={result.case.slug: result.status.value for result in outcome.run.results},
    )
    return 0


async def _carry_out(request: ShareRequest) -> RunOutcome:
    output, scratch, progress = place_of(request.output), scratch_folder(request.scratch), TellingProgress()
    with suppress(OSError):  # where the disk is shared, paths that were typed mean the same here
        os.chdir(request.cwd)
    _check_shared(output)
    models_dirs, benchmarks_dirs = (
        [folder.placed(scratch / _CODE) for folder in folders]
        for folders in (request.models_dirs, request.benchmarks_dirs)
    )
    spec = spec_from_plain(request.spec, "share")
    await fetch_weights(prepare(spec, models_dirs, benchmarks_dirs), progress.message, force=request.force)
    root = output if isinstance(output, Path) else scratch / LOCAL_OUTPUT
    begun = _begun(request, root)
    measure = partial(run_benchmarks, spec, output=root, marks=request.marks)
    if begun is not None:
        measure = partial(resume_run, begun)
    outcome = await measure(
        models_dirs=models_dirs,
        benchmarks_dirs=benchmarks_dirs,
        force=request.force,
        sinks=[request.output] if isinstance(output, StoredPath) else [],
        progress=progress,
        handle_signals=True,
        in_share=True,
    )
    if outcome.run.record.finished and not outcome.sink_failure:
        shutil.rmtree(scratch, ignore_errors=True)  # the run itself is elsewhere
    return outcome


def _check_shared(output: Folder) -> None:
    """Refuse a folder that is not the driver's: the run in it could not be found.

    Raises:
        InvalidValueError: it is another one.
    """
    if isinstance(output, Path) and not (output / SWEEP).is_file():
        advice = "Give an address with --output, such as s3://bucket/prefix, or a folder that all nodes share."
        raise InvalidValueError("output folder", str(output), "one that this node shares with the driver", advice)


def _begun(request: ShareRequest, root: Path) -> Path | None:
    """Return the folder on disk of the run of this share that an earlier process began; one on a store is copied there.

    A process that was killed while the store did not answer has left its cases on the disk only.
    """
    if request.resume is not None:
        begun = place_of(request.resume)
        return fetch_run(begun, root) if isinstance(begun, StoredPath) else begun
    is_of_this_share = root != place_of(request.output)  # else it has the runs of all shares, and the driver looks
    here = runs_in(root) if is_of_this_share and root.is_dir() else []
    return next((folder for folder in here if isinstance(folder, Path)), None)


if __name__ == "__main__":
    sys.exit(main())
