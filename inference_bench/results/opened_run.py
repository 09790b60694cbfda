"""A run opened for its tables: ``run.json`` and the summaries are read, the rest when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from inference_bench.results.discovery import in_progress
from inference_bench.results.run import Run, load_run, read_record
from inference_bench.results.run_folder import RECORD, is_in_progress
from inference_bench.results.summary_file import read_summaries, summary_rows, summary_table

if TYPE_CHECKING:
    import pyarrow as pa

    from inference_bench.result import RunRecord
    from inference_bench.results.storage import Folder


class OpenedRun:
    """A run, of which ``results.json`` is not read before something needs it.

    Args:
        record: how the cases were measured.
        summaries: one row per summary.
        read: returns the run.
        remark: what a reader must know of it; empty if nothing.
    """

    def __init__(self, record: RunRecord, summaries: pa.Table, read: Callable[[], Run], remark: str = "") -> None:
        self.record = record
        self.summaries = summaries
        self.remark = remark
        self._read = read

    @cached_property
    def run(self) -> Run:
        """The whole run.

        Raises:
            RunFormatError: ``results.json`` is damaged.
        """
        return self._read()


def opened(run: Run) -> OpenedRun:
    """Return a run that was read, or is in memory, as an opened one."""
    found = [row for result in run.results for row in summary_rows(result, run.record)]
    remark = in_progress(run) if run.is_in_progress else ""
    return OpenedRun(run.record, summary_table(found), lambda: run, remark)


def open_run(folder: Folder) -> OpenedRun:
    """Open the run of a folder; one that is being written, or has no table of summaries, is read at once.

    Raises:
        RunFormatError: the folder is not a run, damaged, or written by a newer version.
        StorageError: a store that cannot be reached or refuses.
    """
    if is_in_progress(folder) or not (folder / RECORD).is_file():
        return opened(load_run(folder))
    record = read_record(folder)
    summaries = read_summaries(folder, record)
    if summaries is None:
        return opened(load_run(folder))
    return OpenedRun(record, summaries, lambda: load_run(folder))
