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
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
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
    """Return the names of the safetensors files that are loaded from a folder.

    As transformers chooses: the one file, else the parts that the index names; the same weights may lie beside them in
    another form.

    Raises:
        WeightsError: there are none, or the index cannot be read.
    """
    parts = _names_in(folder / INDEX) if (folder / INDEX).is_file() else []
    if (folder / SINGLE).is_file() and SINGLE not in parts:
        return [SINGLE]
    if parts:
        return parts
    others = sorted(path.name for pattern in ("*.safetensors", "*.bin") for path in folder.glob(pattern))
    found = f"found {others[0]}" if others else "found none"
    is_pickle = bool(others) and others[0].endswith(".bin")
    risky = ", which may run code when read" if is_pickle else ""
    advice = " Where you trust it, convert it: from_pretrained() and save_pretrained() of transformers." * is_pickle
    raise WeightsError(
        f"weights folder {folder}: {found}{risky}, expected {SINGLE}, or {INDEX} with its parts.{advice}"
    )


def _names_in(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        names = set()
    if not names or not all(isinstance(name, str) and is_file_name(name) for name in names):
        raise WeightsError(f"weights {index}: not an index of safetensors files.")
    return sorted(names)


def is_file_name(name: str) -> bool:
    """Return whether this names a file in a folder, and no other place."""
    return Path(name).name == name and "\0" not in name


def check_safetensors(path: Path) -> None:
    """Check a file's header, and its size against the header.

    Raises:
        WeightsError: missing, truncated or not safetensors.
    """
    header, length = read_header(path)
    size = path.stat().st_size
    try:
        expected = 8 + length + _end_of_data(header)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise WeightsError(f"weights {path}: found {size} bytes without a readable safetensors header.") from None
    if size != expected:
        raise WeightsError(f"weights {path}: found {size} bytes, expected {expected} by its header.")


def read_header(path: Path) -> tuple[bytes, int]:
    """Return a file's header, empty if it is too long, and the length of it that the file states.

    Raises:
        WeightsError: missing, or a Git LFS pointer.
    """
    if not path.is_file():
        raise WeightsError(f"weights {path}: file missing.")
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = file.read(length) if length <= HEADER_LIMIT else b""
    if start == b"version ":
        raise WeightsError(f"weights {path}: a Git LFS pointer, not the weights. Fetch them with `git lfs pull`.")
    return header, length


def _end_of_data(header: bytes) -> int:
    """Return the bytes of data that a header describes.

    Raises:
        ValueError: an offset is no whole number.
    """
    tensors = json.loads(header)
    ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
    if not all(isinstance(end, int) for end in ends):
        raise ValueError("data_offsets")
    return max(ends, default=0)


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
