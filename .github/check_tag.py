"""Refuse to publish under a tag that is not the version: ``check_tag.py v0.1.0``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def refusal(tag: str) -> str | None:
    """Return why a tag cannot be published, or None."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if tag != f"v{version}":
        return f"tag {tag}: expected v{version}, as pyproject.toml says. Change the version, then tag that commit."
    if f"## {version}\n" not in (ROOT / "CHANGELOG.md").read_text():
        return f"CHANGELOG.md: expected the heading `## {version}` without `(unreleased)`."
    return None


if __name__ == "__main__":
    sys.exit(refusal(sys.argv[1]))
