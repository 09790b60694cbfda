"""A plugin that imports an old path is told the new one."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint

import pytest

import inference_bench
from inference_bench import plugins
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import PluginError
from inference_bench.model import discovery
from inference_bench.model.discovery import ModelFile, find_models, load_model
from inference_bench.moved import FACE, MOVED, advice
from inference_bench.plugins import import_file, load_class

STILL_PACKAGES = {"benchmark", "model"}
"""Old modules whose name is a package now: it can be imported, but the names are elsewhere."""


@pytest.fixture(autouse=True)
def _forget_plugins():
    yield
    for name in [name for name in sys.modules if name.startswith("inference_bench._plugins.")]:
        del sys.modules[name]


def refusal(tmp_path, text: str) -> str:
    # In a folder of its own: Python takes the compiled file of a source of the same length and second for it.
    path = tmp_path / str(len(list(tmp_path.iterdir()))) / "plugin.py"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(PluginError) as caught:
        import_file("sink", "plugin", path)
    return str(caught.value)


@pytest.mark.parametrize("new", sorted({new for paths in MOVED.values() for new in paths.split()}))
def test_every_new_path_can_be_imported(new):
    importlib.import_module(f"inference_bench.{new}")


@pytest.mark.parametrize("old", sorted(set(MOVED) - STILL_PACKAGES))
def test_every_old_path_is_told_the_new_one(tmp_path, old):
    message = refusal(tmp_path, f"import inference_bench.{old}\n")

    assert f"plugin.py:1: ModuleNotFoundError(\"No module named 'inference_bench.{old}'\")" in message
    for new in MOVED[old].split():
        assert f"inference_bench.{new}" in message


@pytest.mark.parametrize(("old", "names"), sorted(FACE.items()))
def test_names_of_the_face_are_told_as_such(tmp_path, old, names):
    for name in names.split():
        home = inference_bench._HOMES[name]
        assert home in MOVED[old].split()
        message = refusal(tmp_path, f"from inference_bench.{old} import {name}\n")
        # An old module that is gone does not say which of its names was wanted.
        wanted = name if old in STILL_PACKAGES else ", ".join(names.split())
        assert f"write `from inference_bench import {wanted}`." in message


def test_every_name_of_the_face_that_moved_is_in_the_table():
    listed = {name for names in FACE.values() for name in names.split()}
    homes = {new for paths in MOVED.values() for new in paths.split()}

    assert {name for name, home in inference_bench._HOMES.items() if home in homes} <= listed


@pytest.mark.parametrize(
    "text",
    [
        "from inference_bench import causal_lm\n",
        "import inference_bench\ninference_bench.causal_lm\n",
        "def late():\n    import inference_bench.causal_lm.something\nlate()\n",
    ],
)
def test_however_it_is_imported(tmp_path, text):
    assert "write `from inference_bench import CausalLM, CausalLMGenerator`" in refusal(tmp_path, text)


def test_an_attribute_of_a_package_that_was_a_module(tmp_path):
    message = refusal(tmp_path, "import inference_bench.model as m\nclass Own(m.Model): pass\n")

    assert "write `from inference_bench import Model`" in message


def test_a_name_that_is_not_of_the_face_has_its_path_alone(tmp_path):
    message = refusal(tmp_path, "from inference_bench.model import ABILITIES\n")

    assert "inference_bench.model has moved to inference_bench.model.model and " in message
    assert "write" not in message


@pytest.mark.parametrize(
    "text", ["import no_such_module\n", "import inference_bench.nothing\n", "from inference_bench import nothing\n"]
)
def test_other_errors_are_left_as_they_are(tmp_path, text):
    assert "moved" not in refusal(tmp_path, text)


def test_a_model_is_told(tmp_path):
    path = tmp_path / "old" / "model.py"
    path.parent.mkdir()
    path.write_text("from inference_bench.causal_lm import CausalLM\n")

    with pytest.raises(PluginError, match="from inference_bench import CausalLM"):
        load_model(ModelFile("old", path))


def test_an_entry_point_is_told(tmp_path, monkeypatch):
    (tmp_path / "old_distribution.py").write_text("from inference_bench.microbenchmark import benchmark\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("old", "old_distribution", "inference_bench.benchmarks")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])

    with pytest.raises(
        PluginError, match=r"benchmark 'old'.* inference_bench\.benchmark\.function; write .* import benchmark`"
    ):
        load_class("benchmark", "inference_bench.benchmarks", "old", Benchmark)


def test_the_package_of_a_model_behind_an_entry_point_is_told(tmp_path, monkeypatch):
    (tmp_path / "old_package").mkdir()
    (tmp_path / "old_package" / "__init__.py").write_text("from inference_bench.causal_lm import CausalLM\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("old", "old_package.model:Old", "inference_bench.models")
    monkeypatch.setattr(discovery, "entry_points", lambda group: [point])

    with pytest.raises(PluginError, match=r"model 'old': entry point .* import CausalLM"):
        find_models()


def test_an_error_about_something_else_has_no_advice():
    assert advice(ValueError("inference_bench.causal_lm")) == ""
