"""The lines of a file that a person gave, and the error that names one of them."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from inference_bench.errors import InvalidValueError, nearest
from inference_bench.text import one_line

_LONGEST_SHOWN = 60
_DIGITS = re.compile(r"\s*[0-9]{1,18}\s*")


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of a file, read.

    Attributes:
        file: the file, as it was given.
        number: of the line, from 1.
        values: column → value.
    """

    file: str
    number: int
    values: Mapping[str, Any]

    def wrong(self, what: str, given: object, expected: str, advice: str = "") -> InvalidValueError:
        """Return the error of a value in this line, which begins with the file and the line's number."""
        return _wrong(self.file, self.number, what, given, expected, advice)

    def check_columns(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        """Refuse missing and unknown columns.

        Raises:
            InvalidValueError: names the line, the column, and a known one that resembles it.
        """
        known = (*required, *optional)
        if unknown := next((name for name in self.values if name not in known), None):
            guess = nearest(unknown, known)
            raise self.wrong(
                "column", unknown, f"one of {', '.join(known)}", f"Did you mean {guess!r}?" if guess else ""
            )
        if missing := [name for name in required if name not in self.values]:
            raise self.wrong("columns", ", ".join(self.values), f"also {', '.join(missing)}")

    def whole(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number of a column.

        Raises:
            InvalidValueError: it is none, or outside of the limits.
        """
        given = self.values[name]
        number = int(given) if isinstance(given, str) and _DIGITS.fullmatch(given) else given
        if type(number) is not int or not least <= number <= most:
            raise self.wrong(name, given, f"a whole number from {least:,} to {most:,}")
        return number


def text_of(path: str | os.PathLike[str]) -> str:
    """Return the text of a file.

    Raises:
        InvalidValueError: it cannot be read, is no UTF-8, or has no text.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidValueError("file", os.fspath(path), "a file that can be read", f"{error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InvalidValueError("file", os.fspath(path), "text in UTF-8", f"Byte {error.start:,} is none.") from None
    if not text.strip():
        raise InvalidValueError("file", os.fspath(path), "some text", "It is empty.")
    return text


def json_lines(path: str | os.PathLike[str]) -> Iterator[FileLine]:
    """Yield the objects of a file with one JSON object per line; empty lines are passed over.

    Raises:
        InvalidValueError: a file that cannot be read, or a line that is no JSON object.
    """
    file = os.fspath(path)
    # Only these end a line of JSON: splitlines() would also split at characters that a string may hold.
    for number, line in enumerate(text_of(path).replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise _wrong(
                file, number, "line", line, "a JSON object", f"Character {error.colno}: {error.msg}."
            ) from None
        if not isinstance(values, dict):
            raise _wrong(file, number, "line", line, "a JSON object")
        yield FileLine(file, number, values)


def csv_lines(path: str | os.PathLike[str]) -> Iterator[FileLine]:
    """Yield the rows of a CSV file with a header; empty lines are passed over.

    Raises:
        InvalidValueError: a file that cannot be read, or a row with another number of values than the header.
    """
    file = os.fspath(path)
    rows = csv.reader(text_of(path).splitlines(), strict=True)
    header: list[str] = []
    try:
        for row in rows:
            if not header:
                header = [name.strip() for name in row]
            elif row:
                if len(row) != len(header):
                    raise _wrong(file, rows.line_num, "line", ",".join(row), f"{len(header)} values, as in the header")
                yield FileLine(file, rows.line_num, dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise _wrong(file, rows.line_num, "line", f"{error}", "comma-separated values") from None


def _wrong(file: str, number: int, what: str, given: object, expected: str, advice: str = "") -> InvalidValueError:
    shown = given
    if isinstance(given, str):
        line = one_line(given)
        shown = line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 1] + "…"
    return InvalidValueError(f"{file}:{number}: {what}", shown, expected, advice)
