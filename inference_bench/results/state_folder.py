"""The user's state folder: what is known of this machine from one run to the next."""

from __future__ import annotations

import os
import re
from pathlib import Path

from inference_bench.errors import InvalidValueError
from inference_bench.results.atomic_file import write_atomically

_NAME = re.compile(r"[\w-]{1,64}")
_ADVICE = "Set XDG_STATE_HOME to a folder that can be written."


def state_folder() -> Path | None:
    """Return the user's state folder for this project, by the XDG base directory specification; None without a home."""
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "inference_bench"
    except RuntimeError:  # a user without an entry in passwd, as containers have
        return None


def machine_file(kind: str, fingerprint: str, folder: Path | None = None) -> Path | None:
    """Return the file of one kind about a machine; None if there is no folder for it.

    The name may come from a foreign run: one that is no plain word names no file.

    Args:
        kind: name of the folder with one such file per machine.
        fingerprint: of the machine.
        folder: instead of the user's state folder.
    """
    found = folder or state_folder()
    return None if found is None or not _NAME.fullmatch(fingerprint) else found / kind / f"{fingerprint}.json"


def check_state_folder(kind: str) -> None:
    """Refuse a state folder that cannot be written, before anything is measured for it.

    Args:
        kind: as for ``machine_file``.

    Raises:
        InvalidValueError: there is none, or it may not be written.
    """
    found = state_folder()
    if found is None:
        raise InvalidValueError("state folder", "no home folder", "one that can be written", _ADVICE)
    try:
        (found / kind).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValueError(
            "state folder", str(found), f"one that can be written ({error.strerror})", _ADVICE
        ) from error
    if not os.access(found / kind, os.W_OK | os.X_OK):
        raise InvalidValueError("state folder", str(found), "one that can be written", _ADVICE)


def write_machine_file(path: Path | None, data: bytes) -> Path:
    """Write a file that ``machine_file`` names, make its folder if needed, and return the path.

    Raises:
        InvalidValueError: there is no folder for it, or it cannot be written.
        InferenceBenchError: the disk is full.
    """
    if path is None:
        raise InvalidValueError("state folder", "none", "one that can be written", _ADVICE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValueError("state folder", str(path.parent), "one that can be written", _ADVICE) from error
    write_atomically(path, data)
    return path
