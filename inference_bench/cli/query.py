"""``query``: SQL over runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO, cast

from inference_bench.cli._command import Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import add_output_options, outputs_of
from inference_bench.cli._selected import add_results_option
from inference_bench.provenance.record import LATEST
from inference_bench.results.selectors import SELECTORS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from io import TextIOWrapper

    import pyarrow as pa


class QueryCommand(Command):
    """Query stored runs in SQL: the tables are summaries, samples, memory and scores.

    Columns are those of results.csv and of the Parquet files (docs/results.md), with a run_id and a
    node (of a sweep, else the host) in every row.
    """

    examples = (
        ("\"SELECT model, p50 / 1e6 AS ms FROM summaries WHERE metric = 'ttft'\"", "of the newest run"),
        ('"SELECT commit, label, p50 FROM summaries" benchmark_results', "of all runs"),
        ('"DESCRIBE samples"', "the columns of a table"),
        (
            "\"SELECT * FROM samples WHERE stage = 'measured'\" RUN --export parquet=samples.parquet",
            "write the answer to a Parquet file",
        ),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the query, where the runs are, and the format."""
        parser.add_argument("sql", metavar="SQL", help="the query")
        parser.add_argument(
            "places",
            metavar="RUN",
            nargs="*",
            help=f"{SELECTORS}, or a folder with all its runs (default: {LATEST})",
        )
        add_results_option(parser)
        add_output_options(parser, list(_WRITERS))

    def run(self, args: argparse.Namespace) -> int:
        """Answer the query."""
        from inference_bench.errors import UsageError
        from inference_bench.results.query import query
        from inference_bench.results.tables import load_runs

        outputs = outputs_of(args, list(_WRITERS))
        if outputs.format == "parquet" and sys.stdout.isatty():
            raise UsageError(
                "--format parquet writes bytes to a terminal: write --export parquet=FILE, or choose another format."
            )
        tables = load_runs(*(args.places or [LATEST]), root=args.results)
        if not args.places:
            print(f"of the newest run; `query SQL {args.results}` covers all runs", file=sys.stderr)
        answer = query(args.sql, tables)
        for problem in tables.problems:
            warn(problem)
        outputs.write(lambda form, stream: _WRITERS[form](answer, stream))
        return 0


_PIPE_WIDTH = 10_000
"""Columns without a terminal, so that no cell is folded."""


def _write_console(answer: pa.Table, stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from inference_bench.text import one_line

    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for field in answer.schema:
        numeric = str(field.type).startswith(("int", "uint", "float", "double", "decimal"))
        table.add_column(Text(one_line(field.name)), justify="right" if numeric else "left", overflow="fold")
    for row in zip(*(column.to_pylist() for column in answer.columns), strict=True):
        table.add_row(*(Text("–" if cell is None else one_line(_text(cell))) for cell in row))
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else _PIPE_WIDTH)
    console.print(table)


def _text(cell: object) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _write_csv(answer: pa.Table, stream: TextIO) -> None:
    import csv

    from inference_bench.text import spreadsheet_text

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(spreadsheet_text, answer.column_names))
    for row in zip(*(column.to_pylist() for column in answer.columns), strict=True):
        writer.writerow(spreadsheet_text(cell) if isinstance(cell, str) else cell for cell in row)


def _write_json(answer: pa.Table, stream: TextIO) -> None:
    import orjson

    stream.write(orjson.dumps(answer.to_pylist(), default=str, option=orjson.OPT_INDENT_2).decode() + "\n")


def _write_parquet(answer: pa.Table, stream: TextIO) -> None:
    import pyarrow.parquet as pq

    stream.flush()
    pq.write_table(answer, cast("TextIOWrapper", stream).buffer)


_WRITERS: dict[str, Callable[[pa.Table, TextIO], None]] = {
    "console": _write_console,
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
