"""What exporters say about each series: from the table of this package, or from the application."""

from __future__ import annotations

from inference_bench.errors import InvalidValueError
from inference_bench.live.declared_series import DECLARED, Declared
from inference_bench.live.series import make_key
from inference_bench.text import one_line

_NAMES = frozenset(name for _, name in DECLARED)


class Descriptions:
    """One description per name of a series."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, str]] = {}

    def add(self, name: str, meaning: str, unit: str) -> None:
        """Describe the application's series of this name; a later description replaces an earlier one.

        Raises:
            InvalidValueError: the meaning is empty, the name cannot be exported, or it is one of this package's.
        """
        if name in _NAMES:
            raise InvalidValueError("series to describe", name, "one that the application names; this one is described")
        if not one_line(meaning):
            raise InvalidValueError("meaning", meaning, f"a sentence that says what {name} is")
        self._given[make_key(name, {}).name] = (one_line(meaning), one_line(unit))

    def of(self, kind: str, name: str) -> Declared:
        """Return what the series of this kind and name is; without a description, where it comes from."""
        declared = DECLARED.get((kind, name))
        if declared is not None:
            return declared
        meaning, unit = self._given.get(name, ("", ""))
        if kind == "histogram":
            return Declared(
                kind, name, "s", meaning or f"Durations that the application records as {name}, in seconds."
            )
        return Declared(kind, name, unit or "1", meaning or f"Application's {kind} {name}, without a description.")
