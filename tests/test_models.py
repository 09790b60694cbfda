"""What every model of the project keeps."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inference_bench.errors import InvalidValueError, NotApplicableError
from inference_bench.model import LoadSteps, Model
from inference_bench.registry import find_models, load_model
from inference_bench.spec import DEVICES, DTYPES, Setup
from inference_bench.weights import resolve_weights

MODELS = sorted(find_models())


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


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_imports_no_framework(name: str) -> None:
    code = (
        "import sys; from inference_bench.registry import find_models, load_model; "
        "from inference_bench import weights; "
        f"load_model(find_models()[{name!r}]); "
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
