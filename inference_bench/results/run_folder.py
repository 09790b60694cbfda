"""The folder of one run: its name, the names of its files, and the lock of the process that writes into it.

    benchmark_results/20261123T201530Z-3fa9c1/
        run.json                 how the cases were measured
        results.json             one entry per case, without raw samples
        results.csv              one row per summary
        summaries.parquet        the same rows with their types
        samples/<case>.parquet   raw observations
        memory/<case>.parquet    readings of the memory sampler
        scores/<case>.parquet    score of each item
        requests/<case>.parquet  requests to a server
        chunks/<case>.parquet    what arrived of the answers
        server_readings/<case>.parquet  the server's own metrics during the loads
        operations/<case>.parquet  steps, modules and operators: where the time goes

docs/results.md describes every field.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.columns import TABLES
from inference_bench.errors import InvalidValueError
from inference_bench.results.storage import RUN, Folder, StoredPath, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult

RECORD = "run.json"
RESULTS = "results.json"
SUMMARIES = "results.csv"
_LOCK = ".lock"
_ATTEMPTS, _PAUSE_S = 10, 0.02

_STEM_LENGTH = 100
"""Characters of a file name that name the case for people; with the id and a suffix it stays far below 255 bytes."""


LOCAL_OUTPUT = Path("benchmark_results")
"""Where runs are written that go to a store as well."""


def default_output() -> Folder:
    """Return the folder of all runs: the one that ``INFERENCE_BENCH_OUTPUT`` names, else ``benchmark_results``."""
    return place_of(os.environ.get("INFERENCE_BENCH_OUTPUT") or LOCAL_OUTPUT)


def create_run_folder(root: Path, now: datetime | None = None) -> Path:
    """Create the folder of a new run under ``root`` and return it.

    Args:
        root: folder of all runs; created if it does not exist.
        now: time of the run, for tests.

    Raises:
        InvalidValueError: ``root`` cannot be written; raised before anything is measured.
    """
    stamp = f"{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(root, stamp)
        for name in TABLES:
            (folder / name).mkdir()
    except OSError as error:
        advice = f"The system says: {error.strerror}. Choose another folder with --output."
        raise InvalidValueError("output folder", str(root), "a folder that can be written", advice) from error
    return folder


def _new_folder(root: Path, stamp: str) -> Path:
    while True:
        folder = root / f"{stamp}-{secrets.token_hex(3)}"
        with suppress(FileExistsError):
            folder.mkdir()
            return folder


@contextmanager
def locked(folder: Path, what: str = "run's folder", shown: str = "") -> Iterator[None]:
    """Lock the folder of a run against other processes that would write into it; the lock ends with this process.

    Args:
        folder: of the run, or another one.
        what: is locked, for the message.
        shown: where it is, for the message, if that is not the folder.

    Raises:
        InvalidValueError: another process holds the lock.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _takes_lock(descriptor):
            advice = "Wait until it has ended, or stop it."
            raise InvalidValueError(what, shown or str(folder), "one that no other process writes into", advice)
        yield
    finally:
        os.close(descriptor)


def _takes_lock(descriptor: int) -> bool:
    """Lock an open file if possible; who only looks whether it is locked (``is_in_progress``) holds it for a moment."""
    for _ in range(_ATTEMPTS):
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def is_in_progress(folder: Folder) -> bool:
    """Return whether a process of this machine is writing into the folder of a run."""
    if not isinstance(folder, Path):
        return False
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY)
    except OSError:  # a run of live profiling, or a copy without hidden files
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def runs_in(folder: Folder) -> list[Folder]:
    """Return the runs directly in a folder; of a store, whose runs lie in ``run_id=…/node=…``, at any depth."""
    if isinstance(folder, StoredPath):
        return list(folder.folders_with(RECORD))
    return [child for child in folder.iterdir() if (child / RECORD).is_file()]


def run_name(folder: Folder) -> str:
    """Return what a run's folder is called: its id; in a store the path from its id on."""
    if not isinstance(folder, StoredPath):
        return folder.name
    first = next((place for place, part in enumerate(folder.parts) if part.startswith(RUN)), -1)
    return "/".join(folder.parts[first:])


def table_file(table: str, case: Case) -> str:
    """Return the path of a case's Parquet file, relative to the run's folder; ``table`` is a key of ``TABLES``."""
    readable = "".join(c if c.isascii() else "_" for c in case.slug[:_STEM_LENGTH]).lstrip(".-")
    return f"{table}/{readable}-{case.id}.parquet"


def files_of(result: BenchmarkResult) -> dict[str, str | None]:
    """Return the path of the Parquet file of each table, None where the result has no such data."""
    return {name: None if getattr(result, name) is None else table_file(name, result.case) for name in TABLES}
