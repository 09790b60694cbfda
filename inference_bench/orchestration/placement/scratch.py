"""Folders of a sweep on a machine's own disk: a share that goes to a store is written there first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inference_bench.results.state_folder import state_folder

_SHARES = "shares"


def scratch_folder(name: str) -> Path:
    """Make a folder in the user's state folder and return it.

    Args:
        name: id of the sweep, or that and a share: ``20261127T113133Z-a2df8a-sweep/003-node``.
    """
    base = state_folder() or Path(tempfile.gettempdir()) / "inference_bench"
    folder = base / _SHARES / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
