"""Weights that ``--weights PATH`` names reach ``load``, or are refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.model.model import Model
from inference_bench.model.weights.references import HubWeights
from inference_bench.orchestration.planning import prepare
from inference_bench.result import Status
from inference_bench.spec import Setup
from tests.factories import run, spec
from tests.stored_weights import safetensors_bytes, weights_folder

CALLED = """
from inference_bench import Model

class Plugin(Model):
    title, description, license = "t", "d", "MIT"
    devices, dtypes = ("cpu",), ("float32",)

    def inputs(self, case):
        return 1

    def call(self, inputs):
        return inputs
"""
LOADED = """
    def load(self, setup, weights, steps):
        self.file = weights.path and weights.path / "model.safetensors"

    def describe(self):
        return {"read_bytes": self.file.stat().st_size if self.file else 0}
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    texts = {"called": CALLED, "loaded": CALLED + LOADED, "refuser": CALLED + LOADED + "    needs_weights = False\n"}
    for name, text in texts.items():
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.py").write_text(text)
    return tmp_path / "models"


def test_a_load_of_its_own_gets_the_weights_that_are_named(tmp_path: Path, models: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    setup = Setup(weights=str(folder), threads=1)

    done = run(spec("loaded", "null", "called", setup=setup), tmp_path / "runs", models)

    assert [(of.case.model, of.status) for of in done.run.results] == [
        ("loaded", Status.OK),
        ("null", Status.OK),
        ("called", Status.OK),
    ]
    loaded, null, called = (of.model for of in done.run.results)
    assert (loaded["read_bytes"], loaded["weights"]["label"]) == (len(safetensors_bytes()), "local mine")
    assert null["weights"]["label"] == called["weights"]["label"] == "no weights"


def test_without_a_name_the_model_makes_its_own(tmp_path: Path, models: Path) -> None:
    done = run(spec("loaded"), tmp_path / "runs", models)
    model = done.run.results[0].model
    assert (model["read_bytes"], model["weights"]["label"]) == (0, "made by the model")


@pytest.mark.parametrize("names", [("called",), ("refuser",), ("null", "called")])
def test_weights_that_no_model_loads_are_refused(tmp_path: Path, models: Path, names: tuple[str, ...]) -> None:
    folder = weights_folder(tmp_path / "mine")
    with pytest.raises(InvalidValueError) as caught:
        prepare(spec(*names, setup=Setup(weights=str(folder))), [models])
    verb = "loads" if len(names) == 1 else "load"
    assert f"expected none: {', '.join(names)} {verb} no weights. Leave --weights out" in str(caught.value)


@pytest.mark.parametrize(
    ("own", "needs", "takes"),
    [
        ({}, False, False),
        ({"load": lambda *_: None}, False, True),
        ({"load": lambda *_: None, "needs_weights": False}, False, False),
        ({"load": lambda *_: None, "needs_weights": False, "takes_weights": True}, False, True),
        ({"hub": HubWeights("owner/name")}, True, True),
        ({"needs_weights": True}, True, True),
    ],
)
def test_what_a_model_states_of_its_weights(own: dict[str, object], needs: bool, takes: bool) -> None:
    model: type[Model] = type("Stated", (Model,), own)
    heir: type[Model] = type("Heir", (model,), {})
    assert (model.needs_weights, model.takes_weights) == (needs, takes)
    assert model.loads_weights("auto") is needs
    assert model.loads_weights("./folder") is takes
    assert heir.takes_weights is takes
