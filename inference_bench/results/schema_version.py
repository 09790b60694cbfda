"""The schema version that every stored file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import RunFormatError
from inference_bench.result import SCHEMA_VERSION

if TYPE_CHECKING:
    from inference_bench.results.storage import Folder


_LONGEST = 9
"""Digits of a version; Python refuses to read a number of more than 4,300."""


def check_version(path: Folder, version: object, newest: int = SCHEMA_VERSION) -> None:
    """Refuse a file that this code cannot read.

    Args:
        path: of the file.
        version: that it names.
        newest: that this code reads.

    Raises:
        RunFormatError: the file names no version, or a newer one.
    """
    text = str(version)
    if not text.isdecimal() or len(text) > _LONGEST:
        raise RunFormatError(f"{path}: no schema_version in it; expected a file that inference_bench wrote.")
    if int(text) > newest:
        raise RunFormatError(
            f"{path}: schema version {version}, but this inference_bench reads up to {newest}. Upgrade it."
        )
