"""One row of the inputs of a batch, found by comparing them with the inputs of one item."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from inference_bench.benchmark.named_arrays import is_array, parts
from inference_bench.errors import InvalidValueError


class NoRowsError(InvalidValueError):
    """Inputs whose rows cannot be told apart."""


def row_of(inputs: Any, alone: Any, row: int, items: int) -> Any:
    """Return the inputs of one item: a row of each array and list that grows with the batch, the rest as it is.

    What grows is what has ``items`` entries where the inputs of one item have one, and is of the same kind otherwise.

    Args:
        inputs: of the batch.
        alone: of one item, for comparison only.
        row: number of the row, from 0.
        items: rows of the batch.

    Raises:
        NoRowsError: the two are of different kinds, or nothing grows with the batch.
    """
    found = _Rows(row, items)
    answer = found.of(inputs, alone)
    if not found.grows:
        raise NoRowsError("inputs", f"no array or list of {items} rows", "one that has 1 row for one item")
    return answer


class _Rows:
    """Takes one row.

    Attributes:
        grows: whether anything so far grows with the batch.
    """

    def __init__(self, row: int, items: int) -> None:
        self.grows = False
        self._row = row
        self._items = items

    def of(self, inputs: Any, alone: Any) -> Any:
        """Return this row of the inputs."""
        if is_array(inputs) and is_array(alone):
            return self._of_array(inputs, alone)
        if isinstance(inputs, list | tuple) and len(inputs) == self._items and _is_one(alone):
            self.grows = True
            return type(inputs)(inputs[self._row : self._row + 1])
        inside, other = parts(inputs), parts(alone)
        if inside is None or other is None:
            return inputs
        mine, theirs = dict(inside), dict(other)
        if list(mine) != list(theirs):
            raise NoRowsError("inputs", f"parts {', '.join(mine)}", f"those of one item: {', '.join(theirs)}")
        return _rebuilt(inputs, {name: self.of(part, theirs[name]) for name, part in mine.items()})

    def _of_array(self, inputs: Any, alone: Any) -> Any:
        if tuple(inputs.shape) != (self._items, *alone.shape[1:]) or tuple(alone.shape[:1]) != (1,):
            return inputs
        self.grows = True
        return inputs[self._row : self._row + 1]


def _is_one(alone: object) -> bool:
    return isinstance(alone, list | tuple) and len(alone) == 1


def _rebuilt(value: Any, members: Mapping[str, object]) -> Any:
    """Return a container of the same type with other members."""
    if isinstance(value, Mapping):
        other: Any = copy.copy(value)
        for key in value:
            other[key] = members[str(key)]
        return other
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **members)
    return type(value)(*members.values()) if hasattr(value, "_fields") else type(value)(members.values())
