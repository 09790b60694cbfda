"""Find the command, run it, and report an error as one line and an exit code.

Not in ``__init__``: importing the command ``list`` binds that name in the package, over the builtin.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from typing import TYPE_CHECKING, TypeGuard

from inference_bench.cli._command import INTERRUPTED, load_command, program
from inference_bench.cli._option_sources import origin_in, read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._streams import give_up_stdout, open_missing, take_streams
from inference_bench.cli._summaries import summaries
from inference_bench.errors import InferenceBenchError, UnknownNameError, UsageError
from inference_bench.extras import install_advice
from inference_bench.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.cli._command import Command

_BROKEN_PIPE = 141
"""Exit code: 128 + the number of SIGPIPE, as a shell reports it."""

_REFUSALS = {
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO),
}
"""Errors that a path, a disk or a limit causes."""

_HELP_WORDS = ("help", "-h", "--help")
_HELP = """\
usage: {program} COMMAND [options]

Measure the inference speed and memory use of models, with the uncertainty of every figure.

commands:
{commands}

options:
  -h, --help     show this help; `{program} help COMMAND` explains a command
  -V, --version  show the version

examples:
  {program} run                    speed and memory of the default model
  {program} run --dry-run          show the plan, measure nothing
  {program} list                   models, benchmarks, metrics …
  {program} report                 show the newest run again; `report --help` names others
  {program} new model NAME         write a model to start from; it runs as it is

exit codes:
  0 success · 1 a case failed, a side is worse, or a plugin is broken · 2 the request cannot be carried out ·
  3 one new run is SUSPECT (compare, run --gate) · 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_missing()
    if argv is None:  # else the streams belong to the program that calls this
        take_streams()
    verbose = not {"-v", "--verbose"}.isdisjoint(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "µ" gets "?", not a traceback
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse, after it printed the help
        return int(stop.code or 0)
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe. Without a valid stdout, the interpreter would fail to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        is_output = give_up_stdout()
        _explain(InferenceBenchError(f"standard output: {error.strerror}.") if is_output else error, verbose)
        return 1
    except Exception as error:
        _explain(error, verbose)
        return _exit_code(error)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in _HELP_WORDS:
        return _help(words[1:])
    if words[0] in ("-V", "--version"):
        return _print_version()
    if words[0].startswith("-"):
        from inference_bench.cli._first_word import without_command

        raise without_command(words)
    command = _command_named(words)
    return _carry_out(command, read_options(Parser(command), words[1:]))


def _command_named(words: list[str]) -> Command:
    try:
        return load_command(words[0])
    except UnknownNameError as error:
        from inference_bench.cli._first_word import unknown_command

        raise unknown_command(words, error) from error


def _carry_out(command: Command, args: argparse.Namespace) -> int:
    """Run a command; an error about a value names the file or variable that it comes from."""
    try:
        return command.run(args)
    except UsageError as error:
        origin = origin_in(str(error), args.settings)
        if not origin:
            raise
        raise UsageError(f"{error} {origin}") from error


def _help(words: list[str]) -> int:
    """Print the help of the command that is named, or the list of commands."""
    names = [word for word in words if not word.startswith("-")]
    if names:
        return _dispatch([names[0], "--help-all" if "--help-all" in words else "--help"])
    commands = "\n".join(f"  {name:<14} {summary}" for name, summary in summaries())
    print(_HELP.format(program=program(), commands=commands), end="")
    return 0


def _print_version() -> int:
    import inference_bench

    print(f"inference_bench {inference_bench.__version__}")
    return 0


def _explain(error: Exception, verbose: bool) -> None:
    """Print one line, and the traceback if requested."""
    if verbose:
        traceback.print_exception(error)
    text = one_line(str(error))  # it may quote a foreign file
    if _is_of_the_system(error):
        text = f"{one_line(_readable(error.filename))}: {error.strerror}. Free some space, or name another path."
    elif isinstance(error, RecursionError):
        text = "a file is nested too deeply to be read: expected plain data of a few levels."
    elif not isinstance(error, InferenceBenchError) and (advice := install_advice(error)):
        text = advice
    elif not isinstance(error, InferenceBenchError):
        text = f"unexpected {type(error).__name__}: {text}."
        text += "" if verbose else " Run again with -v for the traceback, and please report it."
    print(f"error: {text}", file=sys.stderr)


def _exit_code(error: Exception) -> int:
    if isinstance(error, InferenceBenchError):
        return error.exit_code
    refused = _is_of_the_system(error) or isinstance(error, RecursionError) or install_advice(error)
    return UsageError.exit_code if refused else 1


def _is_of_the_system(error: Exception) -> TypeGuard[OSError]:
    """Return whether the operating system refused a path, for a reason that is not the program's."""
    return isinstance(error, OSError) and error.filename is not None and error.errno in _REFUSALS


def _readable(path: str | bytes | int) -> str:
    """Return a path as text; bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace") if isinstance(path, (str, bytes)) else str(path)
