"""The header of a GGUF file: what it says of the model, and how many numbers its tensors hold. No tensor is read."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from inference_bench.errors import WeightsError

_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
"""Types of metadata; source: the GGUF specification, version 3, ``gguf_metadata_value_type``."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a header holds.

    Attributes:
        values: key → number or text; of an array its length.
        parameters: numbers in all tensors, whatever their quantisation.
        tensors: their names.
        tensor_bytes: that follow the header: all tensors as they are stored.
    """

    values: Mapping[str, int | float | str]
    parameters: int
    tensors: frozenset[str]
    tensor_bytes: int

    def text(self, key: str) -> str:
        """Return a text; empty if there is none."""
        found = self.values.get(key)
        return found if isinstance(found, str) else ""


def read_gguf_header(path: Path) -> GgufHeader:
    """Return the header of a file.

    Raises:
        WeightsError: no GGUF file of version 2 or 3, or damaged; names the file.
    """
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}.") from None


@lru_cache(maxsize=8)
def _read(path: Path, _: int) -> GgufHeader:
    with path.open("rb") as file:
        magic = file.read(4)
        if magic != b"GGUF":
            raise WeightsError(f"weights {path}: its first bytes are {magic!r}, expected b'GGUF': no GGUF file.")
        try:
            return _Reader(file, path.stat().st_size).header()
        except (struct.error, KeyError, ValueError, OverflowError) as error:
            why = str(error) if type(error) is ValueError else f"damaged at byte {file.tell():,}"
            raise WeightsError(
                f"weights {path}: its header cannot be read: {why}. Expected a GGUF file of version 3; fetch it again."
            ) from None


class _Reader:
    """Reads what follows the magic number."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size

    def header(self) -> GgufHeader:
        """Return the header.

        Raises:
            ValueError: another version, or more than the file can hold.
            struct.error, KeyError: damaged.
        """
        (version,) = self._take("<I")
        if version not in _VERSIONS:
            raise ValueError(f"version {version}")
        tensors, entries = self._take("<QQ")
        values = dict(self._entry() for _ in range(self._plausible(entries)))
        sizes = dict(self._tensor() for _ in range(self._plausible(tensors)))
        if self._file.tell() > self._size or (sizes and self._file.tell() == self._size):
            raise ValueError("it ends before its tensors")
        return GgufHeader(values, sum(sizes.values()), frozenset(sizes), self._size - self._file.tell())

    def _entry(self) -> tuple[str, int | float | str]:
        key = self._text()
        (kind,) = self._take("<I")
        return key, self._value(kind)

    def _tensor(self) -> tuple[str, int]:
        """Return a tensor's name and the number of its values; its type and its offset are passed over."""
        name = self._text()
        (dimensions,) = self._take("<I")
        numbers = math.prod(self._take(f"<{self._plausible(dimensions)}Q"))
        self._take("<IQ")
        return name, numbers

    def _value(self, kind: int) -> int | float | str:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            of, count = self._take("<IQ")
            self._skip(of, self._plausible(count))
            return int(count)
        number: int | float = self._take(f"<{_SCALARS[kind]}")[0]
        return number

    def _skip(self, kind: int, count: int) -> None:
        if kind in _SCALARS:
            self._file.seek(struct.calcsize(_SCALARS[kind]) * count, 1)
            return
        for _ in range(count):
            self._value(kind)

    def _text(self) -> str:
        (length,) = self._take("<Q")
        return self._exactly(self._plausible(length)).decode("utf-8", "replace")

    def _take(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._exactly(struct.calcsize(form)))

    def _exactly(self, length: int) -> bytes:
        found = self._file.read(length)
        if len(found) < length:
            raise ValueError("it ends within its header")
        return found

    def _plausible(self, count: int) -> int:
        """Return a number of bytes or entries, if the file can hold as many."""
        if count > self._size:
            raise ValueError(f"it states {count:,} entries or bytes, and has {self._size:,} bytes")
        return count
