"""Read numbers from what a loaded model reports about itself."""

from __future__ import annotations

from collections.abc import Mapping


def whole_number(about: Mapping[str, object], name: str) -> int | None:
    """Return an entry of ``Model.describe()``, or None if it is missing or not an integer."""
    value = about.get(name)
    return value if isinstance(value, int) else None
