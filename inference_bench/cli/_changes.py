"""The changes of one side of ``ab`` as text: ``threads=4,env:NAME=VALUE``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from inference_bench.errors import InvalidValueError

_VARIABLE = re.compile(r"\s*env:([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_QUOTED = re.compile(r"\s*env:[A-Za-z_][A-Za-z0-9_]*=(?P<quote>[\"'])(?P<value>.*?)(?P=quote)\s*(?=,|$)", re.DOTALL)
_NAMED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=")
_REPEATED = ("models_dir",)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a side changes.

    Attributes:
        settings: name → value as text, each one as often as it is given.
        environment: variables.
    """

    settings: tuple[tuple[str, str], ...]
    environment: dict[str, str]


def read_changes(text: str, known: Callable[[], Collection[str]]) -> Changes:
    """Read changes with commas between them, in any order.

    A comma in the value of a variable does not end it, unless what follows is a change: another variable, or a known
    name with a value. Where that cannot be told, the text is refused; a value in quotes holds anything.

    Args:
        text: the changes.
        known: returns the names that a change may have; called only if a variable's value may hold one.

    Raises:
        InvalidValueError: a change without a value, given twice, or that may be part of the value before it.
    """
    settings: list[tuple[str, str]] = []
    environment: dict[str, str] = {}
    for word in _words(text, known):
        variable = _VARIABLE.fullmatch(word)
        name, _, value = (part.strip() for part in word.partition("="))
        if variable is None and (not name or not value or name.startswith("env:")):
            raise InvalidValueError(
                "variant", word, "NAME=VALUE", "Such as dtype=bfloat16, model=NAME or env:NAME=VALUE."
            )
        seen = {*environment} if variable else {given for given, _ in settings}
        if (variable[1] if variable else name) in seen and name not in _REPEATED:
            raise InvalidValueError("variant", text, f"{name} once")
        if variable is None:
            settings.append((name, value))
        else:
            quoted = _QUOTED.fullmatch(word)
            environment[variable[1]] = quoted["value"] if quoted else variable[2]
    return Changes(tuple(settings), environment)


def _words(text: str, known: Callable[[], Collection[str]]) -> Iterator[str]:
    """Yield each change as text."""
    pieces = list(_pieces(text)) if text else []
    while pieces:
        word = pieces.pop(0)
        is_open = _VARIABLE.match(word) is not None and _QUOTED.fullmatch(word) is None
        while is_open and pieces and not _begins_change(pieces[0], word, known):
            word += "," + pieces.pop(0)
        yield word


def _pieces(text: str) -> Iterator[str]:
    """Yield what is between the commas; those within a quoted value do not count."""
    at = 0
    while at <= len(text):
        quoted = _QUOTED.match(text, at)
        end = quoted.end() if quoted else text.find(",", at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1


def _begins_change(piece: str, before: str, known: Callable[[], Collection[str]]) -> bool:
    if piece.lstrip().startswith("env:"):
        return True
    named = _NAMED.match(piece)
    if named is None:
        return False
    if named[1] in known():
        return True
    name = before.partition("=")[0].strip()
    raise InvalidValueError(
        "variant",
        f"{before},{piece}",
        f"after a comma an axis, model, weights … with a value ({named[1]!r} is none)",
        f"If it is part of the variable's value, quote that: '{name}=\"...\"'.",
    )
