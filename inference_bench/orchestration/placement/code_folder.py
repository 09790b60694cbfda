"""A folder of models or benchmarks as content: every node runs the driver's code, whatever is on its own disk.

Weights are never part of it. A node whose folder at the same path has the same code uses that, with what else is there.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from inference_bench.errors import InferenceBenchError, InvalidValueError
from inference_bench.units import format_bytes

LARGEST_BYTES = 8 << 20
MOST_FILES = 2_000
_WEIGHTS = frozenset({".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack"})
_MADE_ANEW = frozenset({"__pycache__"})
_SHOWN = 12
"""Digits of a digest that a folder is named by."""


@dataclass(frozen=True, slots=True)
class CodeFolder:
    """A folder as content.

    Attributes:
        path: on the machine that sends it, absolute.
        digest: SHA-256 of the names and contents of its files.
        content: a zip archive of them, in base64.
    """

    path: str
    digest: str
    content: str

    def placed(self, home: Path) -> Path:
        """Return a folder on this machine with this code: at the same path if it is there, else below ``home``.

        Raises:
            InferenceBenchError: what was sent is damaged.
        """
        if _has(Path(self.path), self.digest):
            return Path(self.path)
        folder = home / self.digest[:_SHOWN] / (Path(self.path).name or "code")
        if not _has(folder, self.digest):
            shutil.rmtree(folder, ignore_errors=True)  # half of it, of a process that was killed
            folder.mkdir(parents=True)
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(self.content))) as archive:
                archive.extractall(folder)
            if not _has(folder, self.digest):
                raise InferenceBenchError(f"{self.path}: was damaged on its way to this node. Resume the sweep.")
        return folder


def code_folder(folder: Path) -> CodeFolder:
    """Return a folder as content.

    Raises:
        InvalidValueError: it is too large to be sent.
    """
    names = _names(folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    content = base64.b64encode(packed.getvalue()).decode()
    return CodeFolder(str(folder.absolute()), _digest(folder, names), content)


def weights_in(folder: Path) -> list[str]:
    """Return the names of the files of weights in a folder, which are not sent."""
    return sorted(name for name in _walk(folder) if Path(name).suffix in _WEIGHTS)


def _has(folder: Path, digest: str) -> bool:
    try:
        return folder.is_dir() and _digest(folder, _names(folder)) == digest
    except (OSError, InvalidValueError):  # another folder of this name
        return False


def _names(folder: Path) -> list[str]:
    """Return the names of the files that are sent, in order.

    Raises:
        InvalidValueError: there are too many, or they are too large.
    """
    names: list[str] = []
    size = 0
    for name in _walk(folder):
        if Path(name).suffix in _WEIGHTS:
            continue
        names.append(name)
        size += (folder / name).stat().st_size
        if size > LARGEST_BYTES or len(names) > MOST_FILES:
            expected = f"at most {format_bytes(LARGEST_BYTES)} in {MOST_FILES:,} files besides weights"
            advice = "It is sent to every node: name a folder with nothing but models or benchmarks."
            raise InvalidValueError("folder of code", str(folder), expected, advice)
    return sorted(names)


def _walk(folder: Path) -> Iterator[str]:
    """Yield the names of all files, relative to the folder; hidden ones and what Python makes anew are left out."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _MADE_ANEW)
        for name in sorted(files):
            path = Path(place) / name
            if not name.startswith(".") and path.is_file():
                yield path.relative_to(folder).as_posix()


def _digest(folder: Path, names: list[str]) -> str:
    found = sha256()
    for name in names:
        content = (folder / name).read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        found.update(content)
    return found.hexdigest()
