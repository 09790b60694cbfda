"""A published ``config.json``: how it is read, and what it says of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from inference_bench.errors import InvalidValueError
from inference_bench.spec import DTYPES

Config: TypeAlias = Mapping[str, Any]
"""The values of a ``config.json``, or a part of them."""

_NOT_ARCHITECTURE = {"architectures", "auto_map", "dtype", "quantization_config", "torch_dtype", "transformers_version"}
"""Keys about storage and code, which do not define what is computed."""

_BEFORE_FIRST_POSITION = {"camembert": 2, "mpnet": 2, "roberta": 2, "xlm-roberta": 2}
"""Unused rows at the start of the position table, by ``model_type``."""

_POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length")
_UNLIMITED = 2048
"""Limit for architectures without a largest position; enough for every benchmark's defaults."""


def read_config(path: Path) -> Config:
    """Return the values in a ``config.json``, or in the one of a folder.

    Raises:
        InvalidValueError: it cannot be read, is no JSON object, or names no ``model_type``.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidValueError("config", str(file), "a readable config.json", f"{error}.") from error
    if not isinstance(config, dict):
        raise InvalidValueError("config", str(file), "a JSON object")
    if not isinstance(config.get("model_type"), str):
        raise InvalidValueError(
            f"model_type in {file}", config.get("model_type"), "the name of an architecture, such as 'llama'"
        )
    return config


def architecture_of(config: Config) -> Config:
    """Return the values that define the architecture, for ``TransformersModel.architecture``."""
    kept = {key: value for key, value in config.items() if key not in _NOT_ARCHITECTURE and not key.startswith("_")}
    return {key: _decoded(value) for key, value in kept.items()}


def _decoded(value: object) -> object:
    """Return a value with the floats that JSON lacks, which transformers 5 writes as ``{"__float__": "Infinity"}``."""
    if isinstance(value, Mapping):
        if set(value) == {"__float__"}:
            return float(value["__float__"])
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value


def max_input_length(architecture: Config) -> int:
    """Return the number of positions for tokens."""
    stated = next((architecture[key] for key in _POSITIONS if isinstance(architecture.get(key), int)), _UNLIMITED)
    return stated - _BEFORE_FIRST_POSITION.get(architecture.get("model_type", ""), 0)


def published_dtype(config: Config) -> str | None:
    """Return the dtype of the published weights; None if it is not stated, or none of ``spec.DTYPES``."""
    stated = config.get("dtype", config.get("torch_dtype"))
    return str(stated) if stated in DTYPES else None
