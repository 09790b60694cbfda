"""Files that are complete at every instant: written beside their place, then renamed."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EINVAL
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InferenceBenchError

if TYPE_CHECKING:
    from inference_bench.results.storage import Folder


def write_whole(path: Folder, data: bytes) -> None:
    """Write a file, or an object of a store, so that readers see the old one or the new one.

    Raises:
        InferenceBenchError: the file system or the store refuses; the old one is unchanged.
    """
    if isinstance(path, Path):
        write_atomically(path, data)
    else:
        path.write_bytes(data)


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that at every instant ``path`` is absent, the old file, or the new one, also after a power cut.

    Raises:
        InferenceBenchError: the file system refused (full disk, folder gone); the old file is unchanged.
    """
    # In the same folder, because a rename is atomic only within one file system; hidden, so that no *.parquet finds it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InferenceBenchError(
            f"cannot write {path.name} in {path.parent}: {error.strerror}. Every case that ended before is complete on "
            "disk. Free some space or choose another folder with --output."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: fsync of the file alone does not store its new name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)
