"""The front matter of a model card, ``README.md`` in a folder of weights."""

from __future__ import annotations

import re
from pathlib import Path

_FRONT_MATTER = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LONGEST = 100_000
"""Characters that are read of a card."""


def license_of(folder: Path) -> str:
    """Return the licence that a folder's model card states, its own name where it is ``other``; empty if unknown."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            found = _FRONT_MATTER.match(file.read(_LONGEST))
    except OSError:
        return ""
    text = found[1] if found else ""
    stated = _value(text, "license")
    return _value(text, "license_name") or stated if stated == "other" else stated


def _value(front_matter: str, key: str) -> str:
    """Return a scalar at the top level of YAML, without quotes; empty if there is none."""
    found = re.search(rf"^{key}:[ \t]*([^\n#\[{{]+?)[ \t]*(?:#.*)?$", front_matter, re.MULTILINE)
    return found[1].strip("'\" ") if found else ""
