"""One run as data: its record and results, read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from inference_bench.analysis.trust.case import judged
from inference_bench.columns import TABLES
from inference_bench.errors import RunFormatError
from inference_bench.result import BenchmarkResult, RunRecord, Status
from inference_bench.results.documents import ResultEntry, ResultsDocument
from inference_bench.results.parquet_table import read_table
from inference_bench.results.reading import ADVICE, read_as, read_json
from inference_bench.results.run_folder import RECORD, RESULTS, is_in_progress, run_name, runs_in
from inference_bench.results.schema_version import check_version
from inference_bench.results.serialization import record_from_plain, result_from_plain
from inference_bench.results.storage import place_of
from inference_bench.units import counted

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import pyarrow as pa

    from inference_bench.results.storage import Folder

_LISTED = 8
"""Runs that an error message names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was read back, or one that is still in memory.

    Attributes:
        record: how the cases were measured.
        results: one per case that ended, in the order of measuring, without their tables.
        folder: where it was read from, or None.
        files: case id → name of a table (``columns.TABLES``) → path relative to ``folder``, or None.
        is_in_progress: whether a process was writing it when it was read.
    """

    record: RunRecord
    results: tuple[BenchmarkResult, ...]
    folder: Folder | None = None
    files: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    is_in_progress: bool = False

    @property
    def progress(self) -> str:
        """How much of the plan has been measured: ``7 of 30 cases``."""
        ended = sum(case.get("status") != "pending" for case in self.record.cases)
        cases = f"{ended} of {counted(len(self.record.cases), 'case')}"
        most = self.record.spec.get("runs")
        fewest = min((len(result.workers) for result in self.results if result.status is Status.OK), default=0)
        if self.record.finished or ended < len(self.record.cases) or not isinstance(most, int) or most < 2:
            return cases
        return f"{cases}, in {fewest} of at most {most} processes each"

    def result_of(self, case_id: str) -> BenchmarkResult | None:
        """Return the result of a case; None if the run has none."""
        return next((result for result in self.results if result.case.id == case_id), None)

    def samples(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the raw samples of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or the file is missing or damaged.
        """
        return self.table(case, "samples")

    def memory(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the memory timeline of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or the file is missing or damaged.
        """
        return self.table(case, "memory")

    def scores(self, case: str | BenchmarkResult) -> pa.Table:
        """Read the score of each item of a case, given its id or its result.

        Raises:
            RunFormatError: the case has none, or the file is missing or damaged.
        """
        return self.table(case, "scores")

    def table(self, case: str | BenchmarkResult, name: str) -> pa.Table:
        """Read a table of a case, given its id or its result; ``name`` is a key of ``columns.TABLES``.

        Raises:
            RunFormatError: the case has none, or the file is missing or damaged.
        """
        case_id = case if isinstance(case, str) else case.case.id
        if self.folder is None or case_id not in self.files:
            known = ", ".join(self.files) or "none"
            raise RunFormatError(f"run {self.record.id}: no case {case_id!r} on disk. Its cases: {known}.")
        file = self.files[case_id][name]
        if file is None:
            raise RunFormatError(f"case {case_id} of run {self.record.id} has no {name}: it was not measured in it.")
        try:
            return read_table(self.folder / file, TABLES[name])
        except FileNotFoundError:
            advice = "The file was moved or deleted: restore it, or measure again."
            raise RunFormatError(f"{self.folder / file}: missing, although {RESULTS} names it. {advice}") from None


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run, or the only run of a folder; its Parquet files are read on demand.

    A case that was stored without a grade is judged by the present rules.

    Args:
        path: a folder, or an address such as ``s3://bucket/prefix``.

    Raises:
        RunFormatError: the folder is not a run, damaged, or written by a newer version.
        StorageError: a store that cannot be reached or refuses.
    """
    folder = _only_run(place_of(path))
    if not (folder / RECORD).is_file():
        raise RunFormatError(_not_a_run(folder))
    in_progress = is_in_progress(folder)  # before the files: what has ended meanwhile is complete
    record = read_record(folder)
    entries = read_as(ResultsDocument, _read(folder / RESULTS), folder / RESULTS)["results"]
    return Run(
        record=record,
        results=tuple(judged(result_from_plain(entry), record) for entry in entries),
        folder=folder,
        files=dict(_files(entry, folder / RESULTS) for entry in entries),
        is_in_progress=in_progress and not record.finished,
    )


def read_record(folder: Folder) -> RunRecord:
    """Read ``run.json``.

    Raises:
        RunFormatError: it is missing, damaged, or written by a newer version.
    """
    return record_from_plain(_read(folder / RECORD), folder / RECORD)


def _files(entry: ResultEntry, where: Folder) -> tuple[str, dict[str, str | None]]:
    """Return the id of a case and the paths of its files, which must be inside of the folder."""
    stored: Mapping[str, Any] = entry
    files: dict[str, str | None] = {name: stored.get(name) for name in TABLES}
    for name, path in files.items():
        if path is not None and (PurePath(path).is_absolute() or ".." in PurePath(path).parts or "\0" in path):
            raise RunFormatError(f"{where}: {name} is {path!r}, expected a path inside of the folder. {ADVICE}")
    return entry["case"].id, files


def _only_run(folder: Folder) -> Folder:
    """Return the folder, or the single run in it."""
    if (folder / RECORD).is_file() or not folder.is_dir():
        return folder
    runs = runs_in(folder)
    return runs[0] if len(runs) == 1 else folder


def _read(path: Folder) -> object:
    data = read_json(path)
    check_version(path, data.get("schema_version") if isinstance(data, dict) else None)
    return data


def _not_a_run(folder: Folder) -> str:
    """Return why ``folder`` is not a run, and the runs that it contains."""
    if not folder.is_dir():
        return f"{folder}: no such folder; expected the folder of a run, with a {RECORD} in it."
    runs = sorted(map(run_name, runs_in(folder)), reverse=True)
    if not runs:
        return f"{folder}: not a run, no {RECORD} in it; expected a folder that `python -m inference_bench run` wrote."
    more = f" and {len(runs) - _LISTED} older" if len(runs) > _LISTED else ""
    return f"{folder}: holds {counted(len(runs), 'run')}, expected one. Name one of: {', '.join(runs[:_LISTED])}{more}."
