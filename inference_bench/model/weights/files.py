"""The files of a weights folder: list, check and hash them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO

from inference_bench.errors import WeightsError
from inference_bench.machine.interruption import check_interruption

_CHUNK_BYTES = 1 << 22
HEADER_LIMIT = 100_000_000  # bytes; the safetensors format allows no longer header


def check_folder(folder: Path) -> None:
    """Check that a folder holds a configuration and whole safetensors files, without reading the weights.

    Raises:
        WeightsError: something is missing or truncated; names the file, what was found and what was expected.
    """
    if not (folder / "config.json").is_file():
        raise WeightsError(f"weights folder {folder}: found no config.json, expected config.json and *.safetensors.")
    for name in weights_files(folder):
        check_safetensors(folder / name)


def weights_files(folder: Path) -> list[str]:
    """Return the names of a folder's safetensors files, including those listed in its index.

    Raises:
        WeightsError: there are none, or the index cannot be read.
    """
    names = {path.name for path in folder.glob("*.safetensors")}
    for index in folder.glob("*.safetensors.index.json"):
        try:
            names |= set(json.loads(index.read_bytes())["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WeightsError(f"weights {index}: not an index of safetensors files.") from None
    if not names:
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        found = f"found {pickled[0]}, which may run code when read" if pickled else "found none"
        raise WeightsError(f"weights folder {folder}: {found}, expected *.safetensors.")
    return sorted(names)


def check_safetensors(path: Path) -> None:
    """Check a file's header, and its size against the header.

    Raises:
        WeightsError: missing, truncated or not safetensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights {path}: file missing.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = file.read(length) if length <= HEADER_LIMIT else b""
    try:
        tensors = json.loads(header)
        end = max((t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise WeightsError(f"weights {path}: found {size} bytes without a readable safetensors header.") from None
    if size != 8 + length + end:
        raise WeightsError(f"weights {path}: found {size} bytes, expected {8 + length + end} by its header.")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            check_interruption()
    return digest.hexdigest()


def copy(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy what is left of an open file."""
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
        check_interruption()


def combined_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of a single file, or the sha256 over the ``name:digest`` lines of several."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return sha256("\n".join(f"{name}:{digests[name]}" for name in sorted(digests)).encode()).hexdigest()
