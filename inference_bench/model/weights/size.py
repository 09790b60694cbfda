"""The memory that the weights of a set-up take, by the headers of their files where they are at hand."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from inference_bench.errors import WeightsError
from inference_bench.model.model import ELEMENT_BYTES, Model
from inference_bench.model.weights.cache import find
from inference_bench.model.weights.files import read_header, weights_files
from inference_bench.model.weights.gguf_header import read_gguf_header
from inference_bench.model.weights.origins import Hub
from inference_bench.model.weights.references import OWN, hub_reference, names_place
from inference_bench.spec import Setup

_FLOATS = ("F", "BF")
"""How the safetensors format begins the names of floating-point types: ``F32``, ``BF16``, ``F8_E4M3``."""
_DTYPES = {"F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Content:
    """What weights files hold.

    Attributes:
        parameters: floating-point numbers, which are loaded in the dtype of the set-up.
        other_bytes: bytes of everything else, such as packed integers, which is loaded as it is.
        dtype: that of all floating-point numbers in the first file, if a set-up may have it; else float32.
    """

    parameters: int
    other_bytes: int = 0
    dtype: str = "float32"


def loaded_bytes(model: type[Model], setup: Setup) -> int:
    """Return the peak bytes of a set-up's weights while they load, on full scale.

    A folder, a GGUF file or a repository in the cache that ``--weights`` names is taken at its own size, as is the
    model's own place, else the model at its declared one.
    """
    is_own = setup.weights in OWN or not model.loads_weights(setup.weights)
    path = model.local_path() if is_own else _path_of(setup.weights)
    content = None if path is None else content_of(path)
    if content is None:
        return model.memory_bytes(setup.dtype)
    return round(content.parameters * ELEMENT_BYTES[setup.dtype]) + content.other_bytes


def _path_of(weights: str) -> Path | None:
    if not names_place(weights):
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
            return Content(read_gguf_header(path).parameters)  # dequantised when it is converted
    except (OSError, WeightsError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # said when the weights are resolved
    return None


def _joined(contents: list[Content]) -> Content:
    return Content(sum(of.parameters for of in contents), sum(of.other_bytes for of in contents), contents[0].dtype)


def _of_safetensors(path: Path) -> Content:
    header, _ = read_header(path)
    tensors = [tensor for name, tensor in json.loads(header).items() if name != "__metadata__"]
    floats = [math.prod(of["shape"]) for of in tensors if of["dtype"].startswith(_FLOATS)]
    kinds = {of["dtype"] for of in tensors if of["dtype"].startswith(_FLOATS)}
    dtype = _DTYPES.get(kinds.pop(), "float32") if len(kinds) == 1 else "float32"
    others = [of["data_offsets"] for of in tensors if not of["dtype"].startswith(_FLOATS)]
    return Content(sum(floats), sum(end - begin for begin, end in others), dtype)
