"""The folder of one run: its name, how files get into it, and how a run is read back.

    benchmark_results/20261123T201530Z-3fa9c1/
        run.json                 how it was measured
        results.json             one entry a case, without raw samples
        results.csv              one row a summary
        samples/<case>.parquet   raw observations
        memory/<case>.parquet    the memory sampler's timeline
        scores/<case>.parquet    the score of each item

docs/results.md describes every field.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import EINVAL
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.analysis.trust.case import judged
from inference_bench.errors import InferenceBenchError, InvalidValueError, RunFormatError
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.serialization import record_from_plain, result_from_plain
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from inference_bench.plan import Case

RECORD = "run.json"
RESULTS = "results.json"
TABLE = "results.csv"
SAMPLES = "samples"
MEMORY = "memory"
_LOCK = ".lock"
SCORES = "scores"
TABLES = (SAMPLES, MEMORY, SCORES)

_STEM_LENGTH = 100
"""Characters of a file name that name the case for people; with the id and a suffix it stays far below 255 bytes."""

_LISTED = 8
"""Runs that an error message names before it says how many more there are."""


def create_run_folder(root: Path, now: datetime | None = None) -> Path:
    """Create a new run's folder under ``root`` and return it.

    Args:
        root: where runs are collected; created if need be.
        now: the run's time, for tests.

    Raises:
        InvalidValueError: ``root`` cannot be written; said before anything is measured.
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
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder: no second process writes into it meanwhile. The kernel lets go when this process ends.

    Raises:
        InvalidValueError: another process holds it.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            advice = "Wait until it has ended, or stop it."
            raise InvalidValueError(
                "run's folder", str(folder), "one that no other process writes into", advice
            ) from None
        yield
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that at every instant ``path`` is absent, the old file, or the new one, also after a power cut.

    Raises:
        InferenceBenchError: the file system refused (full disk, folder gone); the old file is untouched.
    """
    # In the same folder, because a rename is atomic only within one file system; hidden, so that no *.parquet finds it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InferenceBenchError(
            f"cannot write {path.name} in {path.parent}: {error.strerror}. Every case that ended before is complete on "
            "disk. Free some space or choose another folder with --output."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: fsync of the file alone does not store its new name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def samples_file(case: Case) -> str:
    """Return where a case's samples stand, relative to the run's folder."""
    return f"{SAMPLES}/{_stem(case)}.parquet"


def memory_file(case: Case) -> str:
    """Return where a case's memory timeline stands, relative to the run's folder."""
    return f"{MEMORY}/{_stem(case)}.parquet"


def scores_file(case: Case) -> str:
    """Return where the scores of a case's items stand, relative to the run's folder."""
    return f"{SCORES}/{_stem(case)}.parquet"


def files_of(result: BenchmarkResult) -> dict[str, str | None]:
    """Return the Parquet files that belong to a result, None where it has no such data."""
    return {
        SAMPLES: None if result.samples is None else samples_file(result.case),
        MEMORY: None if result.memory is None else memory_file(result.case),
        SCORES: None if result.scores is None else scores_file(result.case),
    }


def _stem(case: Case) -> str:
    readable = "".join(c if c.isascii() else "_" for c in case.slug[:_STEM_LENGTH]).lstrip(".-")
    return f"{readable}-{case.id}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back, or one that is still in memory.

    Attributes:
        record: how it was measured.
        results: one per case that ended, in the order of measuring; their samples stay in their files.
        folder: where it was read from, or None.
        files: case id → ``samples``, ``memory`` and ``scores`` → path relative to ``folder``, or None.
    """

    record: RunRecord
    results: tuple[BenchmarkResult, ...]
    folder: Path | None = None
    files: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def samples(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the raw samples of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or their file is missing or damaged.
        """
        return self._table(case, SAMPLES)

    def memory(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the memory timeline of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or its file is missing or damaged.
        """
        return self._table(case, MEMORY)

    def scores(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the score of each item of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or their file is missing or damaged.
        """
        return self._table(case, SCORES)

    def _table(self, case: str | BenchmarkResult, kind: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        case_id = case if isinstance(case, str) else case.case.id
        if self.folder is None or case_id not in self.files:
            known = ", ".join(self.files) or "none"
            raise RunFormatError(f"run {self.record.id}: no case {case_id!r} on disk. Its cases: {known}.")
        name = self.files[case_id][kind]
        if name is None:
            raise RunFormatError(f"case {case_id} of run {self.record.id} has no {kind}: it was not measured in it.")
        path = self.folder / name
        try:
            table = pq.read_table(path)
        except FileNotFoundError:
            advice = "The file was moved or deleted: restore it, or measure again."
            raise RunFormatError(f"{path}: missing, although {RESULTS} names it. {advice}") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise RunFormatError(f"{path}: not readable Parquet ({error}). Restore it, or measure again.") from error
        _check_version(path, (table.schema.metadata or {}).get(b"inference_bench.schema_version", b"").decode())
        return table


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run's folder; its Parquet files are opened only when asked for.

    A case that was stored without a grade is judged by the present rules.

    Raises:
        RunFormatError: not a run, damaged, or written by a newer version.
    """
    folder = Path(path)
    if not (folder / RECORD).is_file():
        raise RunFormatError(_not_a_run(folder))
    record, results = _read(folder / RECORD), _read(folder / RESULTS)
    try:
        run_record = record_from_plain(record)
        return Run(
            record=run_record,
            results=tuple(judged(result_from_plain(entry), run_record) for entry in results["results"]),
            folder=folder,
            files={e["case"]["id"]: {name: e.get(name) for name in TABLES} for e in results["results"]},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        advice = "It was changed by hand or by another tool: restore it, or measure again."
        raise RunFormatError(f"{folder}: a field is missing or has another type ({error!r}). {advice}") from error


def _read(path: Path) -> dict[str, Any]:
    import orjson

    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise RunFormatError(f"{path}: {error.strerror}; expected a file that can be read.") from error
    except orjson.JSONDecodeError as error:
        raise RunFormatError(f"{path}: not whole JSON ({error}). Restore the file, or measure again.") from error
    _check_version(path, data.get("schema_version") if isinstance(data, dict) else None)
    return data  # type: ignore[no-any-return]


def _check_version(path: Path, version: object) -> None:
    if not str(version).isdecimal():
        raise RunFormatError(f"{path}: no schema_version in it; expected a file that inference_bench wrote.")
    if int(str(version)) > SCHEMA_VERSION:
        raise RunFormatError(
            f"{path}: schema version {version}, but this inference_bench reads up to {SCHEMA_VERSION}. Upgrade it."
        )


def _not_a_run(folder: Path) -> str:
    """Say what ``folder`` is instead of a run, and which runs are within reach."""
    if not folder.is_dir():
        return f"{folder}: no such folder; expected the folder of a run, with a {RECORD} in it."
    runs = sorted((child.name for child in folder.iterdir() if (child / RECORD).is_file()), reverse=True)
    if not runs:
        return f"{folder}: not a run, no {RECORD} in it; expected a folder that `python -m inference_bench run` wrote."
    more = f" and {len(runs) - _LISTED} older" if len(runs) > _LISTED else ""
    return f"{folder}: holds {counted(len(runs), 'run')}, expected one. Name one of: {', '.join(runs[:_LISTED])}{more}."
