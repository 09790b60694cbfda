"""Readers of option values: text in, a checked value out, or an error that names the option's meaning."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.provenance.record import marked

if TYPE_CHECKING:
    from collections.abc import Callable


def whole_number(what: str, minimum: int = 1) -> Callable[[str], int]:
    """Return a reader of one whole number."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or int(text) < minimum:
            raise InvalidValueError(what, text, f"a whole number of at least {minimum}")
        return int(text)

    return read


def whole_numbers(what: str, minimum: int = 1) -> Callable[[str], tuple[int, ...]]:
    """Return a reader of whole numbers with commas between them."""
    read_one = whole_number(what, minimum)
    return lambda text: tuple(read_one(word) for word in _words(what, text))


def names(what: str) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of names with commas between them."""
    return lambda text: _words(what, text)


def seconds(what: str) -> Callable[[str], float]:
    """Return a reader of a duration."""

    def read(text: str) -> float:
        value = _real(text)
        if not 0 < value < math.inf:
            raise InvalidValueError(what, text, "seconds, more than zero")
        return value

    return read


def fraction(what: str, *, below: float = 1, or_zero: bool = False) -> Callable[[str], float]:
    """Return a reader of a fraction of one, also as ``2%``."""

    def read(text: str) -> float:
        per_cent = text.rstrip().endswith("%")
        value = _real(text.rstrip().removesuffix("%")) / (100 if per_cent else 1)
        if not 0 < value < below and not (or_zero and value == 0):
            least = f"0 or a fraction below {below:g}" if or_zero else f"a fraction between 0 and {below:g}"
            raise InvalidValueError(what, text, f"{least}, such as 0.02 or 2%")
        return value

    return read


def axis(text: str) -> tuple[str, tuple[int | str, ...]]:
    """Read ``name=value,value``; digits are a number, and ``1..64`` is 1, 2, 4 … 64."""
    name, equals, values = text.partition("=")
    if not name or not equals:
        raise InvalidValueError("axis", text, "name=value or name=value,value")
    words = _words(f"axis {name}", values)
    return name, tuple(value for word in words for value in _axis_values(name, word))


def label(text: str) -> str:
    """Read the label of a run."""
    if not text:
        raise InvalidValueError("label", text, "a name")
    return marked(label=text).label


def tag(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, _, value = text.partition("=")
    marked(tags=[(key, value)])
    return key, value


def _axis_values(name: str, word: str) -> tuple[int | str, ...]:
    doublings = re.fullmatch(r"([0-9]{1,18})\.\.([0-9]{1,18})", word)
    if doublings:
        first, last = map(int, doublings.groups())
        if not 1 <= first <= last:
            raise InvalidValueError(f"axis {name}", word, "doublings from a number of at least 1 up, such as 1..64")
        return tuple(first << power for power in range((last // first).bit_length()))
    return (int(word) if re.fullmatch(r"[+-]?[0-9]{1,18}", word) else word,)


def _words(what: str, text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if "" in words:
        raise InvalidValueError(what, text, "one or more, with commas between them")
    return words


def _real(text: str) -> float:
    """Return the number, or NaN, which no range contains."""
    try:
        return float(text)
    except ValueError:
        return math.nan
