"""Where the answer of a command goes: to standard output in one format, and into files in any formats."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inference_bench.cli._streams import output_to
from inference_bench.errors import InvalidValueError, UnknownNameError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

CONSOLE, JSON = "console", "json"
PAGE_FORMATS = (CONSOLE, "markdown", "github", "html", JSON)
"""Formats of comparisons and findings."""
REPORT_FORMATS = (*PAGE_FORMATS, "csv", "chrome_trace")
"""Formats of runs that come with the package; any other is a plugin."""
PLAIN_FORMATS = (CONSOLE, JSON)
"""Formats of commands whose answer is no report."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where an answer goes.

    Attributes:
        format: on standard output.
        files: format and file of each export.
    """

    format: str
    files: tuple[tuple[str, Path], ...] = ()

    @property
    def formats(self) -> tuple[str, ...]:
        """All formats that are asked for."""
        return (self.format, *(form for form, _ in self.files))

    def write(self, write: Callable[[str, TextIO], None]) -> None:
        """Write the answer to all places; each file is the former or the new one at every instant.

        Args:
            write: writes it in a format to a stream; one for bytes is ``stream.buffer``.

        Raises:
            InferenceBenchError: a file cannot be written.
        """
        write(self.format, sys.stdout)
        for form, path in self.files:
            with output_to(path) as stream:
                write(form, stream)
            print(f"exported to {path}", file=sys.stderr)


def add_output_options(parser: argparse._ActionsContainer, formats: Sequence[str]) -> None:
    """Declare the format of standard output, and exports."""
    *others, last = formats
    named = f"{', '.join(others)} or {last}"
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--format", metavar="NAME", default=CONSOLE, help=f"{named}; format of the report")
    which.add_argument("--json", dest="format", action="store_const", const=JSON, help="short for --format json")
    parser.add_argument(
        "--export",
        metavar="FORMAT=FILE",
        action="append",
        type=_export,
        default=[],
        help="also write the report into a file; in any of these formats; may be repeated",
    )


def formats_in(help_text: str) -> list[str]:
    """Return the formats that the help of ``--format`` names."""
    return re.split(", | or ", help_text.partition(";")[0])


def outputs_of(args: argparse.Namespace, formats: Sequence[str]) -> Outputs:
    """Return where the answer goes, checked before anything is read or measured.

    Raises:
        UnknownNameError: no such format.
        InvalidValueError: a file that cannot be written, or is asked for twice.
    """
    outputs = Outputs(args.format, tuple(args.export))
    for form in outputs.formats:
        if form not in formats:
            raise UnknownNameError("format", form, formats)
    paths = [path.absolute() for _, path in outputs.files]
    for path in paths:
        if path.is_dir() or not path.parent.is_dir():
            raise InvalidValueError("export", str(path), "a file in a folder that exists")
        if paths.count(path) > 1:
            raise InvalidValueError("export", str(path), "a file of its own for each export")
    return outputs


def write_plain(data: object, lines: Callable[[], Iterable[str]], outputs: Outputs) -> None:
    """Write an answer that is no report.

    Args:
        data: for a program.
        lines: returns the lines for people.
        outputs: where it goes.
    """

    def write(form: str, stream: TextIO) -> None:
        text = json.dumps(data, indent=2, ensure_ascii=False) if form == JSON else "\n".join(lines())
        stream.write(f"{text}\n")

    outputs.write(write)


def _export(text: str) -> tuple[str, Path]:
    form, _, path = text.partition("=")
    if not form or not path:
        raise InvalidValueError("export", text, "FORMAT=FILE, such as html=report.html")
    return form, Path(path)
