"""Weights of another model are never measured under this model's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference_bench.errors import InvalidValueError, WeightsError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.model import Model
from inference_bench.model.weights.identity import SIZES, measured_name
from tests.stored_weights import Bare

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 500, "rope_theta": 1e4}


def tiny(architecture: dict[str, Any]) -> type[Model]:
    return type("Tiny", (Bare,), {"name": "tiny", "architecture": architecture})


def folder(path: Path, config: object) -> str:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    return str(path)


def test_a_fine_tune_keeps_the_name(tmp_path: Path) -> None:
    """It may have more tokens, and other positions."""
    changed = LLAMA | {"vocab_size": 502, "rope_theta": 1e6, "max_position_embeddings": 9999, "dtype": "bfloat16"}
    assert measured_name(tiny(LLAMA), folder(tmp_path / "mine", changed)) == "tiny"


@pytest.mark.parametrize("key", sorted(SIZES))
def test_each_other_size_is_another_model(tmp_path: Path, key: str) -> None:
    names = {
        measured_name(tiny(LLAMA | {key: 8}), folder(tmp_path / str(value) / "My Model", LLAMA | {key: value}))
        for value in (8, 16, 24)
    }
    assert len(names) == 3
    assert "tiny" in names
    assert all(name.startswith("local_my_model_") for name in names - {"tiny"})


def test_sizes_of_a_nested_part_count(tmp_path: Path) -> None:
    inner = {"model_type": "outer", "text_config": LLAMA}
    other = {"model_type": "outer", "text_config": LLAMA | {"hidden_size": 128}}
    assert measured_name(tiny(inner), folder(tmp_path / "same", inner)) == "tiny"
    assert measured_name(tiny(inner), folder(tmp_path / "other", other)).startswith("local_other_")


def test_the_name_is_that_of_the_architecture_not_of_the_place(tmp_path: Path) -> None:
    wider = LLAMA | {"hidden_size": 128}
    here, there = (measured_name(tiny(LLAMA), folder(tmp_path / place / "w", wider)) for place in ("a", "b"))
    assert here == there


def test_another_kind_of_architecture_is_refused(tmp_path: Path) -> None:
    given = folder(tmp_path / "w", LLAMA | {"model_type": "qwen2"})
    with pytest.raises(
        InvalidValueError, match=r"weights of tiny: got 'w \(qwen2\)', expected a llama model.*--model .*/w"
    ):
        measured_name(tiny(LLAMA), given)


@pytest.mark.parametrize("config", ["", "[", "[1]", "[" * 100_000])
def test_a_config_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, config: str) -> None:
    given = folder(tmp_path / "w", {})
    (tmp_path / "w" / "config.json").write_text(config)
    with pytest.raises(WeightsError, match=r"config.json: "):
        measured_name(tiny(LLAMA), given)


def test_a_source_is_no_folder_and_a_model_without_architecture_takes_any(tmp_path: Path) -> None:
    assert measured_name(tiny(LLAMA), "auto") == "tiny"
    assert measured_name(Bare, folder(tmp_path / "w", LLAMA)) == "bare"


def test_every_model_of_this_project_takes_its_own_published_sizes(tmp_path: Path) -> None:
    for name, file in find_models().items():
        model = load_model(file)
        architecture = getattr(model, "architecture", {})
        assert measured_name(model, folder(tmp_path / name, dict(architecture))) == name
