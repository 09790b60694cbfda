"""Set-ups on a page: each has one short name and one colour in all charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.reports._figures.figure import COLOURS, SHADES
from inference_bench.reports._pages.setups import Key, Names, setups_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.result import BenchmarkResult


class Setups:
    """The set-ups of a run in the order of measuring.

    Attributes:
        keys: the set-ups.
    """

    def __init__(self, results: Sequence[BenchmarkResult]) -> None:
        self.keys: list[Key] = setups_of(results)
        self._titles = {result.case.model: str(result.model.get("title") or result.case.model) for result in results}
        names = Names(self.keys, results) if self.keys else None
        self._names = {key: names.of(key).replace(" · ", ", ") for key in self.keys} if names else {}

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, key: Key) -> str:
        """Return what tells a set-up apart from the others; the model's title if there is a single one."""
        return self._names[key] or self._titles[key[0]]

    def colour(self, key: Key) -> str:
        """Return the colour of a set-up."""
        return f"c{self.keys.index(key) % COLOURS}"

    def colours(self, key: Key, count: int) -> list[str]:
        """Return the colours of several curves of one set-up: its own, or shades if there is a single set-up."""
        if len(self) > 1 or count == 1:
            return [self.colour(key)] * count
        return [f"s{place % SHADES}" for place in range(count)]
