"""All data of many runs as Arrow tables, for pandas, Polars, DuckDB or a notebook."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from inference_bench.columns import TABLES, columns_of_file
from inference_bench.errors import InvalidValueError, RunFormatError
from inference_bench.results.discovery import read_each
from inference_bench.results.machines import node_of
from inference_bench.results.opened_run import OpenedRun, open_run
from inference_bench.results.summary_file import joined

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from inference_bench.results.run import Run

TABLE_NAMES = ("summaries", *TABLES)
"""Attributes of ``RunTables`` that are tables, and their names in SQL."""


class RunTables:
    """The tables of many runs, each read from its files on first use.

    Every row has a ``run_id`` and a ``node`` (of a sweep, else the host). Times are integer nanoseconds, sizes integer
    bytes, as in the files (docs/results.md).

    Attributes:
        problems: runs and files that could not be read, and runs in progress, one line each; a table adds its own when
            it is read.
    """

    def __init__(self, runs: Sequence[OpenedRun], problems: Sequence[str] = ()) -> None:
        self._runs = runs
        self.problems = list(problems)

    @cached_property
    def summaries(self) -> pa.Table:
        """One row per summary, with the columns of ``results.csv``, ``created_utc`` and ``node``."""
        return joined([run.summaries for run in self._runs])

    @cached_property
    def samples(self) -> pa.Table:
        """One row per raw observation."""
        return self._joined("samples")

    @cached_property
    def memory(self) -> pa.Table:
        """One row per reading of the memory sampler."""
        return self._joined("memory")

    @cached_property
    def scores(self) -> pa.Table:
        """One row per item and metric."""
        return self._joined("scores")

    @cached_property
    def requests(self) -> pa.Table:
        """One row per request to a server."""
        return self._joined("requests")

    @cached_property
    def chunks(self) -> pa.Table:
        """One row per event of a streamed answer."""
        return self._joined("chunks")

    @cached_property
    def server_readings(self) -> pa.Table:
        """One row per reading of a series of a server's own metrics."""
        return self._joined("server_readings")

    @cached_property
    def operations(self) -> pa.Table:
        """One row per step, module and operator of a breakdown."""
        return self._joined("operations")

    def _joined(self, name: str) -> pa.Table:
        import pyarrow as pa

        tables = list(self._tables(name))
        if not tables:
            return pa.table({})
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException:  # foreign columns of one name and several types
            names = ["run_id", "node", *(column.name for column in columns_of_file(TABLES[name]))]
            return pa.concat_tables([table.select(names) for table in tables], promote_options="permissive")

    def _tables(self, name: str) -> Iterator[pa.Table]:
        for run in self._whole_runs():
            for case_id, files in run.files.items():
                if files[name] is None:
                    continue
                try:
                    table = run.table(case_id, name)
                except RunFormatError as error:
                    self.problems.append(str(error))
                    continue
                yield _with_words(table, run_id=run.record.id, node=node_of(run.record)).replace_schema_metadata()

    def _whole_runs(self) -> Iterator[Run]:
        for opened in self._runs:
            try:
                yield opened.run
            except RunFormatError as error:
                self.problems.append(str(error))


def load_runs(*places: str | os.PathLike[str], root: Path | None = None) -> RunTables:
    """Return the tables of all runs that the places name; each table is read on first use.

    >>> load_runs("benchmark_results").summaries.to_pandas()  # doctest: +SKIP

    Args:
        places: folders, patterns of folders, or selectors such as ``latest``, a label or ``tag:pull=123``.
        root: folder of the runs that a selector names; None for that of ``run``.

    Raises:
        InvalidValueError: no folder was given.
        RunFormatError: a folder has no readable run.
    """
    if not places:
        raise InvalidValueError("runs", "no folder", "at least one", "Try load_runs('benchmark_results').")
    problems: list[str] = []
    found = [run for place in places for run in read_each(place, open_run, problems.append, root)]
    runs = {run.record.id: run for run in found}
    return RunTables(list(runs.values()), [*problems, *(run.remark for run in runs.values() if run.remark)])


def _with_words(table: pa.Table, **words: str) -> pa.Table:
    """Return a table with a leading column per word, which is the same in every row; null if it is empty."""
    import pyarrow as pa

    for place, (name, word) in enumerate(words.items()):
        indices = pa.array([0] * table.num_rows, pa.int32())
        table = table.add_column(
            place, name, pa.DictionaryArray.from_arrays(indices, pa.array([word or None], pa.string()))
        )
    return table
