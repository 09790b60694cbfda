"""Set-ups on a page: each has one short name and one colour in all charts."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from inference_bench.reports._figures.figure import COLOURS, SHADES
from inference_bench.spec import Setup
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult

Key = tuple[str, Setup]
"""A model in one set-up."""


class Setups:
    """The set-ups of a run in the order of measuring.

    Attributes:
        keys: the set-ups.
    """

    def __init__(self, results: Sequence[BenchmarkResult]) -> None:
        self.keys: list[Key] = list(dict.fromkeys(key_of(result.case) for result in results))
        self._titles = {result.case.model: str(result.model.get("title") or result.case.model) for result in results}
        self._models = {model for model, _ in self.keys}
        names = [field.name for field in fields(Setup)]
        self._varying = [name for name in names if len({getattr(setup, name) for _, setup in self.keys}) > 1]

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, key: Key) -> str:
        """Return what tells a set-up apart from the others; the model's title if there is a single one."""
        model, setup = key
        words = [model] if len(self._models) > 1 else []
        words += [_words(name, getattr(setup, name)) for name in self._varying]
        return " ".join(words) or self._titles.get(model, model)

    def colour(self, key: Key) -> str:
        """Return the colour of a set-up."""
        return f"c{self.keys.index(key) % COLOURS}"

    def colours(self, key: Key, count: int) -> list[str]:
        """Return the colours of several curves of one set-up: its own, or shades if there is a single set-up."""
        if len(self) > 1 or count == 1:
            return [self.colour(key)] * count
        return [f"s{place % SHADES}" for place in range(count)]


def key_of(case: Case) -> Key:
    """Return the set-up of a case."""
    return case.model, case.setup


def _words(name: str, value: object) -> str:
    if name in ("device", "dtype"):
        return str(value)
    if name == "threads" and isinstance(value, int):
        return counted(value, "thread")
    if name == "compile":
        return "not compiled" if value == "none" else f"compiled ({value})"
    return f"{value} {name}" if name == "attention" else f"{name} {value}"
