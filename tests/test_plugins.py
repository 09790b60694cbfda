from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from inference_bench import plugins
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
from inference_bench.errors import InvalidValueError, PluginError, UnknownNameError
from inference_bench.machine.device import Device
from inference_bench.model.discovery import ModelFile, find_models, load_model
from inference_bench.plugins import load_class, names_in
from inference_bench.reports._report import Report
from inference_bench.results.sink import Sink
from inference_bench.spec import DEVICES, SUITES

MODEL = "from inference_bench import Model\nclass Own(Model):\n    title = 'own'\n"

KINDS = [
    ("benchmark", "inference_bench.benchmarks", Benchmark),
    ("device", "inference_bench.machine.devices", Device),
    ("report", "inference_bench.reports", Report),
    ("sink", "inference_bench.results.sinks", Sink),
]


@pytest.fixture
def models_dir(tmp_path):
    """A folder for models, forgotten afterwards."""
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("inference_bench._plugins.")]:
        del sys.modules[name]


def write_model(folder: Path, name: str, text: str) -> Path:
    path = folder / name / "model.py"
    path.parent.mkdir()
    path.write_text(text)
    return path


@pytest.mark.parametrize(("kind", "package", "base"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_every_plugin_loads_and_bears_the_name_of_its_file(kind, package, base):
    for name in names_in(package):
        assert load_class(kind, package, name, base).name == name


def test_every_model_loads_and_bears_the_name_of_its_folder():
    for name, file in find_models().items():
        assert load_model(file).name == name


def test_the_devices_of_a_spec_are_those_that_have_a_file():
    assert sorted(DEVICES) == names_in("inference_bench.machine.devices")


def test_every_benchmark_belongs_to_suites_that_exist():
    for name in names_in("inference_bench.benchmarks"):
        suites = load_class("benchmark", "inference_bench.benchmarks", name, Benchmark).suites
        assert set(suites) <= set(SUITES)
        assert suites or name == "serving_capacity"  # it searches for objectives, which a suite does not have


_OWN = """
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class Short(InferenceSpeedBenchmark):
    \"\"\"Short prompts.\"\"\"

    axes = InferenceSpeedBenchmark.with_axes(input_length=(8,))
"""


def own_benchmark(folder, kind, name, text=_OWN):
    path = folder / "toy" / "benchmarks" / kind / f"benchmark_{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return ModelFile("toy", folder / "toy" / "model.py")


def test_a_models_own_benchmark_takes_the_place_of_the_standard_one(tmp_path):
    toy = own_benchmark(tmp_path, "performance", "inference_speed")
    found = find_benchmarks(toy)
    own = load_benchmark(found["inference_speed"])

    assert [axis.default for axis in own.axes] == [(8,), (32,), ("steps",), ("chat",)]
    assert own.suites == ("performance", "full")
    assert load_benchmark(find_benchmarks()["inference_speed"]).axes[0].default == (128, 512)
    assert found["memory_usage"].path is None


def test_a_benchmark_that_only_one_model_has_belongs_to_the_suites_of_its_folder(tmp_path):
    toy = own_benchmark(tmp_path, "integration", "batched_against_single")

    assert load_benchmark(find_benchmarks(toy)["batched_against_single"]).suites == ("accuracy", "full")


def test_two_benchmarks_of_one_name_are_refused(tmp_path):
    own_benchmark(tmp_path, "unit", "speed")
    toy = own_benchmark(tmp_path, "performance", "speed")
    with pytest.raises(PluginError, match="two benchmarks 'speed'"):
        find_benchmarks(toy)


def test_a_broken_benchmark_names_file_and_line(tmp_path):
    toy = own_benchmark(tmp_path, "unit", "broken", "import nothing_of_this_name\n")
    with pytest.raises(PluginError, match=r"benchmark_broken\.py:1: ModuleNotFoundError"):
        load_benchmark(find_benchmarks(toy)["broken"])


def test_a_function_is_a_benchmark(tmp_path):
    text = "from inference_bench import benchmark\n\n@benchmark\ndef split(model):\n    'a b'.split()\n"
    (tmp_path / "benchmark_split.py").write_text(text)
    found = load_benchmark(find_benchmarks(extra=[tmp_path])["split"])

    assert (found.name, found.title, found.targets) == ("split", "Split", ("call_time",))


def test_a_benchmarks_folder_must_exist(tmp_path):
    with pytest.raises(InvalidValueError, match="benchmarks folder"):
        find_benchmarks(extra=[tmp_path / "none"])


def test_private_modules_are_no_plugins():
    assert not [name for name in names_in("inference_bench.reports") if name.startswith("_")]


def test_an_unknown_plugin_names_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'cuda'"):
        load_class("device", "inference_bench.machine.devices", "cuba", Device)


def test_an_entry_point_adds_a_plugin(monkeypatch):
    point = EntryPoint("tpu", "inference_bench.machine.devices.cpu:Cpu", "inference_bench.devices")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == point.group else [])

    assert load_class("device", "inference_bench.machine.devices", "tpu", Device).__name__ == "Cpu"


def test_a_folder_adds_models(models_dir):
    write_model(models_dir, "own", MODEL)

    files = find_models([models_dir])

    assert {"own", "null"} <= set(files)
    assert load_model(files["own"]).title == "own"


def test_a_model_is_imported_once(models_dir):
    write_model(models_dir, "own", MODEL)
    file = find_models([models_dir])["own"]

    assert load_model(file) is load_model(file)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="models folder"):
        find_models([tmp_path / "nowhere"])


def test_two_models_of_one_name_are_refused_with_both_paths(models_dir):
    path = write_model(models_dir, "null", MODEL)

    with pytest.raises(PluginError, match=str(path)):
        find_models([models_dir])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("import torch\nclass Broken(\n", 2, "SyntaxError"),
        ("\n\nimport no_such_module_anywhere\n", 3, "ModuleNotFoundError"),
        ("def fail():\n    return 1 / 0\n\nfail()\n", 2, "ZeroDivisionError"),
    ],
    ids=["syntax", "import", "call"],
)
def test_a_model_that_cannot_be_imported_names_file_and_line(models_dir, text, line, what):
    path = write_model(models_dir, "broken", text)

    with pytest.raises(PluginError, match=f"{path}:{line}.*{what}"):
        load_model(find_models([models_dir])["broken"])


@pytest.mark.parametrize(("text", "found"), [("", "none"), (MODEL + "class Second(Model): pass\n", "Own, Second")])
def test_a_model_file_holds_exactly_one_model(models_dir, text, found):
    write_model(models_dir, "odd", text)

    with pytest.raises(PluginError, match=f"exactly one Model subclass; found {found}"):
        load_model(find_models([models_dir])["odd"])
