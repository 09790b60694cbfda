"""The options of ``time``: those of timeit for code, those of hyperfine for commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command_lines import as_commands, is_command_line
from inference_bench.cli._outputs import add_output_options
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError

if TYPE_CHECKING:
    import argparse

FORMATS = ("console", "json", "csv", "markdown")
SORTS = ("auto", "command", "mean-time")
STYLES = ("auto", "basic", "full", "nocolor", "color", "none")
UNITS = ("nsec", "usec", "msec", "sec", "microsecond", "millisecond", "second")
_HYPERFINES = ("json", "csv", "markdown")


def add_time_options(parser: argparse.ArgumentParser) -> None:
    """Declare what is timed, how long, what runs around it, and where results go.

    The last spelling of an option is its name in settings. Where ``run`` has the same name for something else, as
    ``output`` for the folder of runs, ours is another one.
    """
    _add_subject(parser)
    _add_limits(parser)
    _add_hooks(parser)
    _add_start(parser)
    _add_output(parser)


def _add_subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="*", help="Python code; several are compared with the first")
    group = parser.add_argument_group("what is timed")
    group.add_argument(
        "-c", "--command", metavar="CMD", action="append", help="a command line instead of code; may be repeated"
    )
    group.add_argument("--reference", metavar="CMD", help="a command that the others are compared with")
    group.add_argument(
        "-n",
        "--number",
        "--command-name",
        metavar="N|NAME",
        action="append",
        help="with CODE: executions per sample; with --command: a name for each command in turn",
    )
    group.add_argument(
        *("-P", "--parameter-scan"),
        nargs=3,
        metavar=("VAR", "MIN", "MAX"),
        action="append",
        help="time the commands for {VAR} from MIN to MAX",
    )
    group.add_argument("-D", "--parameter-step-size", metavar="STEP", default="1", help="step of --parameter-scan")
    group.add_argument(
        *("-L", "--parameter-list"),
        nargs=2,
        metavar=("VAR", "A,B"),
        action="append",
        help="time the commands for {VAR} as A, as B …",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    number = values.whole_number
    group = parser.add_argument_group("how often")
    group.add_argument(
        *("-r", "--runs", "--repeat"),
        dest="repetitions",
        metavar="N",
        type=number("runs"),
        help="exactly N fresh processes",
    )
    group.add_argument("-m", "--min-runs", metavar="N", type=number("min runs"), help="at least (CODE: 3; CMD: 10)")
    group.add_argument("-M", "--max-runs", metavar="N", type=number("max runs"), help="at most (CODE: 12; CMD: 1000)")
    group.add_argument(
        *("-w", "--warmup", "--warmup-runs"),
        dest="warmup",
        metavar="N",
        type=number("warmup", 0),
        default=0,
        help="untimed runs of each command before",
    )
    group.add_argument(
        "--precision",
        metavar="FRACTION",
        type=values.fraction("precision", below=0.5),
        default=0.02,
        help="half width of the median's interval; of 95 %%, as a fraction",
    )
    group.add_argument(
        "--budget", metavar="SECONDS", type=values.seconds("budget"), default=5.0, help="for each CODE or CMD, at most"
    )
    group.add_argument(
        "--margin",
        metavar="FRACTION",
        type=values.fraction("margin", or_zero=True),
        default=0.01,
        help="changes up to this size count as none",
    )
    group.add_argument("--blocks", action="store_true", help="one after another, as hyperfine does, not in turn")


def _add_hooks(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("around it")
    group.add_argument(
        *("-s", "--setup"),
        metavar="CODE|CMD",
        action="append",
        help="once before, untimed; Python code (may be repeated, one line each), or a command",
    )
    group.add_argument(
        "-p", "--prepare", metavar="CMD", action="append", help="before each run: one for all commands, or one for each"
    )
    group.add_argument("-C", "--conclude", metavar="CMD", action="append", help="after each run, like --prepare")
    group.add_argument("--cleanup", metavar="CMD", help="once after all runs of a command")


def _add_start(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how commands are started")
    group.add_argument("-S", "--shell", metavar="SHELL", default="default", help="a shell, or none (default: sh)")
    group.add_argument("-N", dest="no_shell", action="store_true", help="as --shell none")
    group.add_argument("-i", "--ignore-failure", action="store_true", help="allow other exit codes than 0")
    group.add_argument("--show-output", action="store_true", help="as --output inherit")
    group.add_argument(
        *("--output", "--command-output"),
        dest="command_output",
        metavar="WHERE",
        default="null",
        help="where what a command prints goes: null, pipe, inherit, or a file (default: null)",
    )
    group.add_argument("--input", metavar="FILE", default="null", help="what a command reads (default: null)")


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("results")
    add_output_options(group, FORMATS)
    for name in _HYPERFINES:
        group.add_argument(f"--export-{name}", metavar="FILE", type=Path, help=f"{name} in hyperfine's form")
    group.add_argument("-u", "--unit", "--time-unit", metavar="UNIT", help=", ".join(UNITS))
    group.add_argument("--sort", metavar="ORDER", default="auto", help=f"of commands: {', '.join(SORTS)}")
    group.add_argument("--style", metavar="STYLE", default="auto", help="none prints nothing; others: as a terminal is")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress")


def check_time_options(args: argparse.Namespace) -> None:
    """Refuse what has no meaning together, before anything is timed.

    Raises:
        UsageError: the message names the option.
    """
    for what, given, known in (
        ("sort order", args.sort, SORTS),
        ("style", args.style, STYLES),
        ("unit", args.unit or UNITS[0], UNITS),
    ):
        if given not in known:
            raise UnknownNameError(what, given, known)
    is_command = bool(args.command or args.reference)
    if is_command and args.code:
        raise UsageError(f"got both CODE {args.code[0]!r} and --command, expected one of the two.")
    if not is_command and not args.code:
        _refuse_nothing(args)
    if args.min_runs and args.max_runs and args.min_runs > args.max_runs:
        raise InvalidValueError("max runs", args.max_runs, f"at least --min-runs ({args.min_runs})")
    if not is_command:
        _refuse_command_options(args)
    for path in filter(None, (getattr(args, f"export_{name}") for name in _HYPERFINES)):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise InvalidValueError("export", str(path), "a file in a folder that exists")


def _refuse_nothing(args: argparse.Namespace) -> None:
    if args.prepare:  # timeit's -p takes no value
        raise UsageError(
            "-p takes a command here (--prepare). Processor time instead of wall time is not offered for code; "
            "`time --command` shows user and system time."
        )
    raise UsageError("time: got nothing, expected CODE or --command CMD, such as `time 'sum(range(100))'`.")


def _refuse_command_options(args: argparse.Namespace) -> None:
    """Refuse the options of commands, with code."""
    own = ("reference", "parameter_scan", "parameter_list", "warmup", "prepare", "conclude", "cleanup", "no_shell")
    more = ("ignore_failure", "show_output", "export_json", "export_csv", "export_markdown")
    for name in (*own, *more):
        if getattr(args, name):
            option = "-N" if name == "no_shell" else f"--{name.replace('_', '-')}"
            raise _for_commands(option, args)
    for option, value in (("--shell", args.shell), ("--output", args.command_output), ("--input", args.input)):
        if value not in ("default", "null"):
            raise _for_commands(option, args)


def _for_commands(option: str, args: argparse.Namespace) -> UsageError:
    instead = f"`{as_commands(args.code)}`" if is_command_line(args.code[0]) else "--command CMD"
    return UsageError(f"{option} is for commands: expected {instead} instead of CODE.")
