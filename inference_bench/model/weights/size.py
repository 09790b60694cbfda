"""The memory that the weights of a set-up take, by the headers of their files where they are at hand."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from inference_bench.errors import WeightsError
from inference_bench.model.model import ELEMENT_BYTES, Model
from inference_bench.model.weights.cache import find
from inference_bench.model.weights.files import read_header, weights_files
from inference_bench.model.weights.origins import Hub
from inference_bench.model.weights.references import hub_reference
from inference_bench.model.weights.resolution import SOURCES
from inference_bench.spec import Setup

_FLOATS = ("F", "BF")
"""How the safetensors format begins the names of floating-point types: ``F32``, ``BF16``, ``F8_E4M3``."""


@dataclass(frozen=True, slots=True)
class Content:
    """What weights files hold.

    Attributes:
        parameters: floating-point numbers, which are loaded in the dtype of the set-up.
        other_bytes: bytes of everything else, such as packed integers, which is loaded as it is.
    """

    parameters: int
    other_bytes: int = 0


def loaded_bytes(model: type[Model], setup: Setup) -> int:
    """Return the peak bytes of a set-up's weights while they load, on full scale.

    A folder, a GGUF file or a repository in the cache that ``--weights`` names is taken at its own size, else the model
    at its declared one.
    """
    path = _path_of(setup.weights)
    content = None if path is None else content_of(path)
    if content is None:
        return model.memory_bytes(setup.dtype)
    return content.parameters * ELEMENT_BYTES[setup.dtype] + content.other_bytes


def _path_of(weights: str) -> Path | None:
    if weights in SOURCES:
        return None
    named = hub_reference(weights)
    if named is None:
        return Path(weights).expanduser()
    try:
        entry = find(Hub(named).key)
    except WeightsError:
        return None  # it is fetched again
    return None if entry is None else entry.path


def content_of(path: Path) -> Content | None:
    """Return what a folder of safetensors or a GGUF file holds; None for anything else, and if it is damaged."""
    try:
        if path.is_dir():
            return _joined([_of_safetensors(path / name) for name in weights_files(path)])
        if path.suffix == ".gguf" and path.is_file():
            return _of_gguf(path, path.stat().st_mtime_ns)
    except (OSError, WeightsError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        pass  # said when the weights are resolved
    return None


def _joined(contents: list[Content]) -> Content:
    return Content(sum(of.parameters for of in contents), sum(of.other_bytes for of in contents))


def _of_safetensors(path: Path) -> Content:
    header, _ = read_header(path)
    tensors = [tensor for name, tensor in json.loads(header).items() if name != "__metadata__"]
    floats = [math.prod(of["shape"]) for of in tensors if of["dtype"].startswith(_FLOATS)]
    others = [of["data_offsets"] for of in tensors if not of["dtype"].startswith(_FLOATS)]
    return Content(sum(floats), sum(end - begin for begin, end in others))


_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
"""Types of GGUF metadata; source: the GGUF specification, version 3, ``gguf_metadata_value_type``."""


@lru_cache
def _of_gguf(path: Path, _: int) -> Content:
    """Return the number of values of all tensors, whatever their quantisation: they are dequantised.

    Raises:
        ValueError: not a GGUF file of version 2 or 3.
    """
    with path.open("rb") as file:
        magic, version, tensors, entries = struct.unpack("<4sIQQ", file.read(24))
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(path.name)
        for _entry in range(entries):
            _skip_text(file)
            _skip_value(file, _number(file, "<I"))
        return Content(sum(map(math.prod, (_dimensions(file) for _tensor in range(tensors)))))


def _dimensions(file: IO[bytes]) -> Iterator[int]:
    _skip_text(file)
    sizes = [_number(file, "<Q") for _ in range(_number(file, "<I"))]
    file.seek(12, 1)  # its type and its offset
    yield from sizes


def _skip_value(file: IO[bytes], kind: int) -> None:
    if kind == _STRING:
        _skip_text(file)
    elif kind == _ARRAY:
        of, count = struct.unpack("<IQ", file.read(12))
        if of in _SCALAR_BYTES:
            file.seek(_SCALAR_BYTES[of] * count, 1)
        else:
            for _ in range(count):
                _skip_value(file, of)
    else:
        file.seek(_SCALAR_BYTES[kind], 1)


def _skip_text(file: IO[bytes]) -> None:
    file.seek(_number(file, "<Q"), 1)


def _number(file: IO[bytes], form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])
