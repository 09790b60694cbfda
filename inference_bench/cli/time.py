"""``time``: how long Python code or whole commands take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._command_lines import as_commands, is_command_line
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import outputs_of
from inference_bench.cli._time_options import FORMATS, add_time_options, check_time_options
from inference_bench.errors import InferenceBenchError, UsageError
from inference_bench.text import one_line
from inference_bench.units import NS_PER_MS, NS_PER_S, format_ns

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from inference_bench.timing.record import Floor, Record
    from inference_bench.timing.report import TimeReport
    from inference_bench.timing.rounds import RoundLimits, Rounds, Watcher

_SNIPPET_NS = 200 * NS_PER_MS
"""How long each process takes samples of a snippet."""


class TimeCommand(Command):
    """Time Python code or whole commands, in fresh processes.

    CODE is timed as `python -m timeit` does it, in several processes. --command times command lines, from start to end,
    with the options of hyperfine. Several are measured in turn and compared with the first one. Nothing is subtracted.
    """

    usage = ("[options] CODE [CODE ...]", "[options] -c CMD [-c CMD ...]")
    examples = (
        ("-s 'x = range(99)' 'sum(x)'", "Python code, with a set-up"),
        ("'sorted(range(99))' '[*range(99)].sort()'", "two pieces of code, compared"),
        ("--command ./start.sh --warmup 1", "a command"),
        ("-c 'sleep 0.1' -c 'sleep 0.2' --export-json times.json", "two commands; a file in hyperfine's form"),
        ("-c 'sort -S {size} big.txt' -L size 1M,16M", "a command for each value of a parameter"),
    )
    common = ("--command", "--setup", "--repeat", "--warmup", "--precision", "--prepare", "--format", "--export")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of timeit and hyperfine."""
        add_time_options(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Time, compare, and print."""
        outputs = outputs_of(args, FORMATS)
        check_time_options(args)
        report = _time_commands(args) if args.command or args.reference else _time_code(args)
        if report is None:
            print("interrupted before anything was timed", file=sys.stderr)
            return INTERRUPTED
        outputs.write(lambda form, stream: _write(report, form, stream, args))
        _write_for_hyperfine(report, args)
        return INTERRUPTED if report.interrupted else 0


def _time_code(args: argparse.Namespace) -> TimeReport | None:
    from inference_bench.cli._values import whole_number
    from inference_bench.timing.record import Floor
    from inference_bench.timing.rounds import measure_rounds
    from inference_bench.timing.snippet import Snippet

    number = whole_number("number")(args.number[-1]) if args.number else None
    setup = "\n".join(args.setup or [])
    snippets = [Snippet(code, setup, number, _SNIPPET_NS) for code in args.code]
    try:
        rounds = measure_rounds(snippets, _limits(args, 3, 12, len(snippets)), _watcher(args))
    except InferenceBenchError as error:
        if not is_command_line(args.code[0]):
            raise
        raise UsageError(f"{error} CODE is Python; a command is `{as_commands(args.code)}`.") from error
    floors = [of.floor_ns for record in rounds.records for of in record.processes.values() if of.floor_ns is not None]
    floor = Floor("an empty execution", min(floors)) if floors else None
    return _report(args, "code", rounds, floor)


def _time_commands(args: argparse.Namespace) -> TimeReport | None:
    from inference_bench.cli._time_commands import commands_of, surroundings
    from inference_bench.timing.command import measure_commands
    from inference_bench.timing.spawner import Spawner

    with Spawner() as spawner:
        around = surroundings(args, spawner)
        commands = commands_of(args, around)
        if len(commands) > 1 and args.setup and not args.blocks:
            warn("--setup of all commands runs before the first round; if one undoes another's, add --blocks")
        limits = _limits(args, 10, 1000, 1 if args.blocks else len(commands))
        try:
            floor = around.floor()
            rounds = measure_commands(commands, limits, args.warmup, _watcher(args), in_blocks=args.blocks)
        except KeyboardInterrupt:
            return None
    return _report(args, "command", rounds, floor)


def _limits(args: argparse.Namespace, least: int, most: int, subjects: int) -> RoundLimits:
    """Return when to stop.

    Args:
        args: the options.
        least: rounds, unless the options say otherwise.
        most: rounds, unless the options say otherwise.
        subjects: that share the rounds.
    """
    from inference_bench.timing.rounds import RoundLimits

    fewest = args.repetitions or args.min_runs or min(least, args.max_runs or least)
    return RoundLimits(
        least=fewest,
        most=args.repetitions or args.max_runs or max(most, fewest),
        precision=args.precision,
        budget_ns=round(args.budget * NS_PER_S) * subjects,
    )


def _watcher(args: argparse.Namespace) -> Watcher | None:
    """Return what shows the progress, if a terminal can."""
    if args.quiet or not sys.stderr.isatty():
        return None

    def show(record: Record, number: int) -> None:
        half = record.half_width
        precision = "" if half is None else f" ±{half:.1%}"
        text = f"run {number + 1}, {one_line(record.name)[:40]}: {format_ns(record.median_ns)}{precision}"
        print(f"\r\x1b[K{text}\r", end="", file=sys.stderr, flush=True)

    return show


def _report(args: argparse.Namespace, kind: str, rounds: Rounds, floor: Floor | None) -> TimeReport | None:
    """Return what to show; None if an interruption came before the first process had ended."""
    from inference_bench.timing.contest import compare_records
    from inference_bench.timing.report import TimeReport

    if not rounds.records[0].processes:
        return None
    records = tuple(record for record in rounds.records if record.processes)
    changes = compare_records(records, args.margin, in_blocks=args.blocks)
    found = TimeReport(kind, records, changes, records[0].name, floor, rounds.interrupted)
    return found.by_time() if args.sort == "mean-time" else found


def _write(report: TimeReport, form: str, stream: TextIO, args: argparse.Namespace) -> None:
    """Write the report in one format."""
    from inference_bench.timing import exports
    from inference_bench.timing.report import lines_of, text_format

    show = text_format(args.unit)
    if form == "json":
        stream.write(exports.json_text(report))
    elif form == "csv":
        stream.write(exports.csv_text(report))
    elif form == "markdown":
        stream.write(exports.markdown_text(report, show))
    elif args.style != "none":
        stream.writelines(f"{line}\n" for line in lines_of(report, show))


def _write_for_hyperfine(report: TimeReport, args: argparse.Namespace) -> None:
    """Write the files that were asked for in hyperfine's form."""
    from inference_bench.results.atomic_file import write_atomically
    from inference_bench.timing import hyperfine

    if args.export_json:
        write_atomically(args.export_json, hyperfine.json_text(report.records).encode())
    if args.export_csv:
        write_atomically(args.export_csv, hyperfine.csv_text(report.records).encode())
    if args.export_markdown:
        write_atomically(args.export_markdown, hyperfine.markdown_text(report.records, args.unit).encode())
