"""Numbers that a loaded model states of itself."""

from __future__ import annotations

from collections.abc import Mapping


def whole_number(about: Mapping[str, object], name: str) -> int | None:
    """Return an entry of ``Model.describe()``, or None if it is not there or no whole number."""
    value = about.get(name)
    return value if isinstance(value, int) else None
