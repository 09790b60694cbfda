"""The differences between the machines and the software of two sets of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_VOLATILE = {
    *("load", "unreadable", "warnings"),
    *("memory.available_bytes", "memory.swap_used_bytes", "system.uptime_s"),
}
"""Sections and facts that change from minute to minute; `check` judges their effect on a measurement."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact of the environment that differs between the sides.

    Attributes:
        name: such as ``packages.torch``.
        before: A's values, as text; "absent" if there is none.
        after: B's.
    """

    name: str
    before: str
    after: str


def environment_differences(
    before: Iterable[Mapping[str, object]], after: Iterable[Mapping[str, object]]
) -> tuple[Difference, ...]:
    """Return the facts whose values differ between the sides, sorted by name.

    Args:
        before: the environments of A's runs, as ``environment.describe_environment`` returned them.
        after: those of B's.
    """
    left, right = _facts(before), _facts(after)
    return tuple(
        Difference(name, _joined(left.get(name, set())), _joined(right.get(name, set())))
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    )


def _facts(environments: Iterable[Mapping[str, object]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for environment in environments:
        for name, value in _flat(environment, ""):
            found.setdefault(name, set()).add(value)
    return found


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if name in _VOLATILE or name.endswith(".memory_free_bytes"):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            yield from _flat(item, f"{name}.{place}")
    else:
        yield name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _joined(values: set[str]) -> str:
    return " or ".join(sorted(values)) if values else "absent"
