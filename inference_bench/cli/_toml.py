"""TOML files, and their values as words of the command line."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

_DEEPEST = 50
_DEEP_KEY = re.compile(rf"(?:[\w\"'-]+[ \t]*\.[ \t]*){{{_DEEPEST}}}")


def read_toml(path: Path, what: str) -> dict[str, object]:
    """Return the content of a file.

    Args:
        path: of the file.
        what: it is, for messages.

    Raises:
        InvalidValueError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if _DEEP_KEY.search(text):  # tomllib takes memory in proportion to the square of a key's parts
            raise InvalidValueError(what, str(path), f"keys of fewer than {_DEEPEST} parts")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidValueError(what, str(path), "a readable TOML file", f"{error}.") from error


def word(what: str, value: object) -> str:
    """Return a text or number as a word.

    Raises:
        InvalidValueError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidValueError(what, value, "text, a number, or a list of these")
    return str(value)


def joined(what: str, value: object) -> str:
    """Return a value, or the values of a list, with commas between them.

    Raises:
        InvalidValueError: one of them has a comma itself, or is neither text nor a number.
    """
    words = [word(what, item) for item in listed(value)]
    if any("," in each for each in words):
        raise InvalidValueError(what, value, "a list with one value an entry")
    return ",".join(words)


def listed(value: object) -> list[object]:
    """Return a list, or a list of one value."""
    return value if isinstance(value, list) else [value]
