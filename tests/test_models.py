"""What every model of the project keeps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from runpy import run_path
from typing import Any

import numpy as np
import pytest

from inference_bench.errors import InvalidValueError, NotApplicableError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engines.transformers.library import import_transformers
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import DEVICES, DTYPES, Setup

_PARAPHRASES = "benchmarks/unit/benchmark_paraphrases.py"

MODELS = sorted(find_models())
PUBLISHED = [name for name in MODELS if name != "null"]


def test_the_first_models_are_found() -> None:
    assert {"null", "smollm2_135m_instruct"} <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_describes_itself_unloaded(name: str) -> None:
    model = load_model(find_models()[name])
    assert model.name == name
    assert model.title
    assert model.description
    assert model.license
    assert model.max_input_length > 0
    assert set(model.devices) <= set(DEVICES)
    assert set(model.dtypes) <= set(DTYPES)
    assert model.parameters > 0 or not model.needs_weights


def test_a_model_file_imports_no_framework() -> None:
    code = """
import json, sys
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.weights import resolution
found, frameworks = {}, {"torch", "transformers", "huggingface_hub", "numpy", "pyarrow"}
for name, file in find_models().items():
    load_model(file)
    found[name] = sorted(frameworks & sys.modules.keys())
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_generates_and_unloads(name: str) -> None:
    found = load_model(find_models()[name])
    setup = Setup(weights="random", scale="reduced")
    model = found()
    model.load(setup, resolve_weights(found, setup, print), LoadSteps())
    try:
        generator = model.generator()
    except NotApplicableError:
        return
    else:
        prompt = generator.prompt(max(16, found.min_input_length))
        generator.reset()
        tokens = [generator.prefill(prompt), *(generator.decode() for _ in range(7))]
        assert list(generator.generate(prompt, 8)) == tokens
        with pytest.raises(InvalidValueError):
            generator.prompt(found.max_input_length + 1)
    finally:
        model.unload()


@cache
def network_of(name: str, scale: str) -> Any:
    """Build a model without memory for its parameters."""
    import torch

    found: Any = load_model(find_models()[name])
    transformers = import_transformers()
    with torch.device("meta"):
        config = transformers.AutoConfig.for_model(**found.config(scale))
        return getattr(transformers, found.auto_class).from_config(config, trust_remote_code=False)


def kinds_of(network: Any) -> set[tuple[str, str]]:
    """Return each module's place, without the numbers of layers, and its class."""
    return {(re.sub(r"\d+", "N", place), type(module).__name__) for place, module in network.named_modules()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_reduced_model_is_made_of_the_layers_of_the_full_one(name: str) -> None:
    full, reduced = network_of(name, "full"), network_of(name, "reduced")
    assert kinds_of(full) == kinds_of(reduced)
    assert sum(p.numel() for p in reduced.parameters()) < 5_000_000


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_full_model_has_as_many_parameters_as_it_says(name: str) -> None:
    full = network_of(name, "full")
    assert sum(parameter.numel() for parameter in full.parameters()) == load_model(find_models()[name]).parameters


@pytest.mark.slow
def test_paraphrases_are_nearer_than_strangers() -> None:
    """The trained encoder on the sentences of its own benchmark; strangers share more words than paraphrases do."""
    found = load_model(find_models()["all_minilm_l6_v2"])
    triples = run_path(str(find_models()["all_minilm_l6_v2"].path.parent / _PARAPHRASES))["_TRIPLES"]
    model = found()
    model.load(Setup(), resolve_weights(found, Setup(), print), LoadSteps())
    vectors = model.encoder().encode_texts([text for triple in triples for text in triple])
    model.unload()
    for number in range(len(triples)):
        sentence, paraphrase, stranger = np.array(vectors[3 * number : 3 * number + 3])
        assert sentence @ sentence == pytest.approx(1, abs=1e-5)
        assert sentence @ paraphrase > sentence @ stranger + 0.05


def test_a_model_without_text_says_so() -> None:
    class Silent(Model):
        name = "silent"

        def load(self, *args: object) -> None: ...

        def unload(self) -> None: ...

    with pytest.raises(NotApplicableError, match="silent does not generate text"):
        Silent().generator()


def test_a_step_that_fails_is_not_timed() -> None:
    steps = LoadSteps()
    with pytest.raises(ValueError), steps.step("weights"):
        raise ValueError
    assert steps.steps == []
