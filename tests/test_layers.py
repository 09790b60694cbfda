"""The dependency rule, kept over the import graph: measuring never knows output, output never knows measuring.

Every import counts, at any depth and under ``TYPE_CHECKING``: a name that is only mentioned is known all the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "inference_bench"

LAYERS = {
    "data": "architecture errors units spec plan metrics result statistics summaries stopping plain knee"
    " shift comparison differences noise_floor trust steady_state modality",
    "contracts": "model benchmark measurement interference registry protocol",
    "machine": "cgroup headroom page_cache environment device devices.* nvml",
    "measuring": "accuracy.* benchmarks.* microbenchmark batcher load_generator usage worker"
    " transformers_model quantization causal_lm* text_encoder weights* hub_download hub_config gguf_conversion"
    " parameter_count device_memory",
    "output": "run_folder runs run_tables query history observations noise_store sink sinks.* report reports.*",
    "driving": "orchestrator preparation overlap* loading runner worker_* progress floor tally ab",
    "structure": "model_facts skeleton contract verification migration",
    "live": "live live.*",
    "face": "cli.* pytest_plugin function_timing __main__ __init__",
    "native": "_native",
}

MAY_IMPORT = {
    "data": "",
    "contracts": "data native",
    "machine": "data contracts native",
    "measuring": "data contracts machine native",
    "output": "data contracts",
    "driving": "data contracts machine measuring output native",
    "structure": "data contracts measuring driving",
    "live": "data contracts machine output native",
    "face": "data contracts machine measuring output driving structure live native",
}

FRAMEWORKS = {"accelerate", "gguf", "huggingface_hub", "safetensors", "tokenizers", "torch", "transformers"}
MODELS_MAY_IMPORT = {
    *(
        "accuracy.tasks",
        "benchmark",
        "benchmarks.*",
        "causal_lm",
        "causal_lm_batch",
        "errors",
        "measurement",
        "metrics",
        "microbenchmark",
        "model",
        "plan",
    ),
    *("spec", "text_encoder", "units"),
}
INPUT_OUTPUT = {"asyncio", "io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "urllib"}

FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MODEL_FILES = sorted((ROOT / "models").rglob("*.py"))


def layer_of(module: str) -> str:
    found = [
        layer
        for layer, patterns in LAYERS.items()
        if any(fnmatch(module, pattern) or f"{module}.*" == pattern for pattern in patterns.split())
    ]
    assert len(found) == 1, f"{module} must stand in exactly one layer of LAYERS; it stands in {found}"
    return found[0]


def imports(path: Path, *, at_import_time: bool = False) -> Iterator[str]:
    """Yield the full names of imported modules; with ``at_import_time`` only those that importing the file imports."""
    for node in _walk(ast.parse(path.read_text()), at_import_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from [node.module or ""] if node.module != "inference_bench" else _members(node)


def _walk(node: ast.AST, at_import_time: bool) -> Iterator[ast.AST]:
    lazy = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    for child in ast.iter_child_nodes(node):
        if at_import_time and (isinstance(child, lazy) or _is_for_types_only(child)):
            continue
        yield child
        yield from _walk(child, at_import_time)


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _members(node: ast.ImportFrom) -> list[str]:
    return [f"inference_bench.{alias.name}" for alias in node.names if alias.name in FILES]


def own(names: Iterator[str]) -> set[str]:
    """Return the modules of this package among the names, without its prefix."""
    return {name.removeprefix("inference_bench.") for name in names if name.startswith("inference_bench.")}


def top_level(names: Iterator[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_its_layer_may(module):
    layer = layer_of(module)
    allowed = {layer, *MAY_IMPORT[layer].split()}

    refused = {name: layer_of(name) for name in own(imports(FILES[module])) if layer_of(name) not in allowed}

    assert refused == {}, f"{module} is {layer}, which may import {sorted(allowed)}"


@pytest.mark.parametrize("module", FILES)
def test_frameworks_are_imported_inside_functions_of_the_measuring_side_alone(module):
    everywhere = top_level(imports(FILES[module])) & FRAMEWORKS
    while_importing = top_level(imports(FILES[module], at_import_time=True)) & FRAMEWORKS

    assert while_importing == set()
    assert everywhere == set() or layer_of(module) == "measuring"


@pytest.mark.parametrize("module", [module for module in FILES if layer_of(module) == "data"])
def test_data_does_no_input_or_output(module):
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(FILES[module].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert top_level(imports(FILES[module])) & INPUT_OUTPUT == set()
    assert calls & {"open", "print", "input"} == set()


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_model_imports_the_public_interface_and_its_framework_late(path):
    outside = [name for name in own(imports(path)) if not any(fnmatch(name, may) for may in MODELS_MAY_IMPORT)]
    assert outside == []
    assert top_level(imports(path, at_import_time=True)) & FRAMEWORKS == set()


@pytest.mark.parametrize("path", sorted((ROOT / "csrc").rglob("*.[ch]pp")), ids=lambda path: path.name)
def test_only_the_bindings_know_python(path):
    included = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', path.read_text(), re.MULTILINE)
    python = [name for name in included if re.match(r"Python\.h|pybind11/|nanobind/|numpy/|cpython/", name)]

    assert python == [] or path.parent.name == "bindings"


def test_the_rule_is_seen_to_work(tmp_path):
    path = tmp_path / "some.py"
    path.write_text(
        "import torch.nn\n"
        "if TYPE_CHECKING:\n    from inference_bench.results.sinks.csv import CsvSink\n"
        "def load():\n    from inference_bench.reports import _report as report\n    import transformers\n"
    )

    assert own(imports(path)) == {"sinks.csv", "report"}
    assert top_level(imports(path, at_import_time=True)) == {"torch"}
