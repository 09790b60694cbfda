"""The commit of the code in a folder, as git knows it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TypedDict

_LONGEST_S = 20


class CommitFacts(TypedDict):
    """The commit that a folder's files came from.

    ``dirty`` tells whether files that git tracks differ from it; None if unknown.
    """

    commit: str
    dirty: bool | None


def describe_commit(folder: Path) -> CommitFacts | None:
    """Return the commit of a folder; None without git or outside of a repository. Never raises."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    """Return what git prints; None if it fails."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
