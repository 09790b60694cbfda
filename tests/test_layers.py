"""The direction of imports: strictly down through ``layers.ORDER``, the wings apart, no circle of files.

``python -m tests.layers`` prints the packages and what they import.
"""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests import layers

FRAMEWORKS = {
    *("accelerate", "ctranslate2", "gguf", "huggingface_hub", "lm_eval", "onnxruntime_genai", "openvino"),
    *("openvino_genai", "safetensors", "tokenizers", "torch", "transformers"),
}
"""Imported inside functions only, so that neither the command line nor the orchestrator pays for them."""
FRAMEWORK_FOLDERS = (
    "model.engine.",
    "model.engines",
    "model.weights",
    "benchmark.accuracy",
    "benchmark.breakdown",
    "machine.device_memory",
    "scaffold",
)
INPUT_OUTPUT = {"asyncio", "io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "urllib"}
DATA = ("errors", "units", "text", "spec", "metrics", "columns", "plan", "calibration", "grade", "result", "analysis")
"""Rooms that neither read nor write anything."""

MODEL_FILES = sorted((layers.ROOT / "models").rglob("*.py"))
MODELS_MAY_IMPORT = ("__init__", "benchmark", "benchmarks.*")


def top_level(names) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", layers.files())
def test_imports_go_strictly_down_and_the_wings_never_meet(module):
    room = layers.room_of(module)
    others = {layers.room_of(other) for other in layers.own_imports(layers.files()[module])} - {room}

    assert [refusal for other in sorted(others) if (refusal := layers.refusal(room, other))] == []


def test_every_room_has_a_floor():
    assert {layers.room_of(module) for module in layers.files()} | {"_native"} == set(layers.FLOORS)


def test_no_files_import_each_other_in_a_circle():
    assert layers.circles(layers.graph()) == []


@pytest.mark.parametrize("module", layers.files())
def test_frameworks_are_imported_inside_functions_of_the_engines_and_the_tasks(module):
    path = layers.files()[module]

    assert top_level(layers.imported(path, while_importing=True)) & FRAMEWORKS == set()
    assert top_level(layers.imported(path)) & FRAMEWORKS == set() or module.startswith(FRAMEWORK_FOLDERS)


@pytest.mark.parametrize("module", [module for module in layers.files() if layers.room_of(module) in DATA])
def test_data_and_analysis_do_no_input_or_output(module):
    path = layers.files()[module]
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert top_level(layers.imported(path)) & INPUT_OUTPUT == set()
    assert calls & {"open", "print", "input"} == set()


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: str(path.relative_to(layers.ROOT)))
def test_a_model_imports_the_public_interface_and_its_framework_late(path):
    assert [name for name in layers.own_imports(path) if not any(fnmatch(name, may) for may in MODELS_MAY_IMPORT)] == []
    assert top_level(layers.imported(path, while_importing=True)) & FRAMEWORKS == set()


@pytest.mark.parametrize("path", sorted((layers.ROOT / "csrc").rglob("*.[ch]pp")), ids=lambda path: path.name)
def test_only_the_bindings_include_python(path):
    included = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', path.read_text(), re.MULTILINE)
    python = [name for name in included if re.match(r"Python\.h|pybind11/|nanobind/|numpy/|cpython/", name)]

    assert python == [] or path.parent.name == "bindings"


def test_an_import_counts_wherever_it_stands(tmp_path: Path):
    path = tmp_path / "some.py"
    path.write_text(
        "import torch.nn\n"
        "if TYPE_CHECKING:\n    from inference_bench.results.sinks.csv import CsvSink\n"
        "def load():\n    from inference_bench.results import history\n    import transformers\n"
    )

    assert layers.own_imports(path) == {"results.sinks.csv", "results.history"}
    assert top_level(layers.imported(path, while_importing=True)) == {"torch"}


def test_what_breaks_a_rule_is_refused():
    assert layers.refusal("analysis", "results")
    assert layers.refusal("results", "model")
    assert layers.refusal("live", "machine")
    assert layers.refusal("orchestration", "results") is None


def test_a_circle_is_found():
    assert layers.circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]
