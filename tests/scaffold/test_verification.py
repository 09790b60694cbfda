"""``verify``: a sound model passes, and each way to break one is found, with file and fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

MODEL = """
from inference_bench import Model


class Plugin(Model):
    title = "plugin"
    description = "of a test"
    license = "Apache-2.0"
    max_input_length = 4096
    needs_weights = False
    abilities = ("generate",)

    def load(self, setup, weights, steps): ...
    def unload(self): ...
    def generator(self): ...
"""
BENCHMARK = """
from inference_bench.benchmark.benchmark import Benchmark


class Own(Benchmark):
    title = "own"
    targets = ("call_time",)

    def measure(self, model, case, measurement): ...
"""
SLIPS: dict[str, tuple[str, str]] = {
    "no_title": ('title = "plugin"', ""),
    "no_license": ('license = "Apache-2.0"', 'license = " "'),
    "odd_length": ("max_input_length = 4096", "max_input_length = '4k'"),
    "no_parameters": ("needs_weights = False", "needs_weights = True"),
    "odd_dtypes": ("needs_weights = False", "needs_weights = False\n    dtypes = ('int3',)"),
    "odd_hub": ("needs_weights = False", "needs_weights = False\n    hub = 'owner/name'"),
    "odd_load": ("def load(self, setup, weights, steps): ...", "def load(self, path): ..."),
    "no_generator": ("def generator(self): ...", ""),
    "unsaid_encoder": ("def generator(self): ...", "def generator(self): ...\n    def encoder(self): ..."),
    "no_abilities": ('abilities = ("generate",)', "abilities = ()"),
    "early_framework": (
        "from inference_bench import Model",
        "import safetensors\nfrom inference_bench import Model",
    ),
    "syntax_error": ("class Plugin(Model):", "class Plugin(Model:"),
    "exits": ("class Plugin(Model):", "raise SystemExit(3)\nclass Plugin(Model):"),
    "prints": ("class Plugin(Model):", "print('hello')\nclass Plugin(Model):"),
    "short": ("max_input_length = 4096", "max_input_length = 16"),
    "Dashed-name": ("", ""),
}
"""Model → what is replaced in a sound one, by what."""

FILES = {
    "flat/benchmarks/speed.py": BENCHMARK,
    "odd_kind/benchmarks/smoke/benchmark_a.py": BENCHMARK,
    "odd_file/benchmarks/unit/answers.py": BENCHMARK,
    "twice/benchmarks/unit/benchmark_a.py": BENCHMARK,
    "twice/benchmarks/integration/benchmark_a.py": BENCHMARK,
    "two_classes/benchmarks/unit/benchmark_a.py": BENCHMARK + BENCHMARK.replace("Own", "Second"),
    "no_measure/benchmarks/unit/benchmark_a.py": BENCHMARK.replace("def measure", "def measures"),
    "odd_metric/benchmarks/unit/benchmark_a.py": BENCHMARK.replace("call_time", "call_tiem"),
    "odd_suite/benchmarks/unit/benchmark_a.py": BENCHMARK.replace('title = "own"', 'title = "own"; suites = ("all",)'),
    "early_benchmark/benchmarks/unit/benchmark_a.py": "import safetensors\n" + BENCHMARK,
    "sound/benchmarks/unit/benchmark_a.py": BENCHMARK,
    "sound/benchmarks/unit/_shared.py": "",
    "sound/benchmarks/performance/benchmark_b.py": BENCHMARK,
}
"""Further files, each in the folder of a sound model."""


def verify(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "inference_bench", "verify", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Model → what was found out about it, over a folder with one model for each slip."""
    folder = tmp_path_factory.mktemp("models")
    for name, (old, new) in SLIPS.items():
        assert old in MODEL
        (folder / name).mkdir()
        (folder / name / "model.py").write_text(MODEL.replace(old, new) if old else MODEL)
    for path, text in FILES.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        (folder / path.partition("/")[0] / "model.py").write_text(MODEL)
    (folder / "empty").mkdir()
    ended = verify("--json", "--models-dir", str(folder))
    assert (ended.returncode, ended.stderr) == (1, "")
    return {of["model"]: of for of in json.loads(ended.stdout)["models"]}


def test_the_projects_own_models_are_sound() -> None:
    ended = verify()

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0].split() == ["MODEL", "UNIT", "INTEGRATION", "PERFORMANCE", "CASES", "FINDINGS"]
    assert {line.split()[-1] for line in ended.stdout.splitlines()[1:]} == {"none"}
    assert "\nnull " in ended.stdout


def test_a_sound_model_has_no_findings(verified: dict[str, dict[str, Any]]) -> None:
    sound = verified["sound"]

    assert sound["findings"] == []
    assert sound["benchmarks"] == {"unit": 1, "integration": 0, "performance": 1}
    assert sound["cases"] > 2
    assert verified["prints"]["findings"] == []


@pytest.mark.parametrize(
    ("model", "where", "problem", "fix"),
    [
        ("no_title", "model.py", "title is ''", "state it"),
        ("no_license", "model.py", "license is ' '", "state it"),
        ("odd_length", "model.py", "max_input_length is '4k'", "whole number"),
        ("no_parameters", "model.py", "parameters is 0", "at least 1"),
        ("odd_dtypes", "model.py", "dtypes is ('int3',)", "bfloat16"),
        ("odd_hub", "model.py", "hub is 'owner/name'", "HubWeights"),
        ("odd_load", "model.py", "load(self, path)", "load(self, setup, weights, steps)"),
        ("no_generator", "model.py", "declares the ability generate but has no generator()", "or drop it"),
        ("unsaid_encoder", "model.py", "has encoder()", "'encode'"),
        ("no_abilities", "model.py", "abilities is ()", "generator()"),
        ("early_framework", "model.py", "imports safetensors", "inside load()"),
        ("syntax_error", "model.py", "model.py:5", "importable"),
        ("exits", "model.py", "status 3", "move the work from import time"),
        ("short", "model.py", "input length + new tokens", "defaults"),
        ("Dashed-name", "Dashed-name", "Try dashed_name", "rename the folder"),
        ("flat", "speed.py", "outside of a kind's folder", "migrate"),
        ("odd_kind", "smoke", "unknown kind of benchmark", "unit, integration, performance"),
        ("odd_file", "answers.py", "does not begin with benchmark_", "rename"),
        ("twice", "benchmark_a.py", "has the same name as", "rename one"),
        ("two_classes", "benchmark_a.py", "exactly one Benchmark subclass", "one subclass"),
        ("no_measure", "benchmark_a.py", "Own has no measure()", "write measure"),
        ("odd_metric", "benchmark_a.py", "call_tiem", "list metrics"),
        ("odd_suite", "benchmark_a.py", "('all',)", "performance, accuracy, full"),
        ("early_benchmark", "benchmark_a.py", "imports safetensors", "inside"),
        ("empty", "empty", "a folder without model.py", "new model"),
    ],
)
def test_each_slip_is_found(
    verified: dict[str, dict[str, Any]], model: str, where: str, problem: str, fix: str
) -> None:
    (finding, *more) = verified[model]["findings"]

    assert more == []
    assert finding["where"].endswith(where)
    assert problem in finding["problem"]
    assert fix in finding["fix"]


def test_a_broken_model_does_not_spoil_the_others(verified: dict[str, dict[str, Any]]) -> None:
    assert {*SLIPS, "sound", "null"} <= set(verified)
    assert verified["null"]["findings"] == []


def test_two_models_of_one_name_are_found_and_the_table_tells(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        path = tmp_path / folder / "same" / "model.py"
        path.parent.mkdir(parents=True)
        path.write_text(MODEL)

    ended = verify("--models-dir", str(tmp_path / "one"), "--models-dir", str(tmp_path / "two"))

    assert ended.returncode == 1
    same = f"same: {tmp_path}/one/same/model.py"
    assert f"{same}\n  found: another model has this name: {tmp_path}/two/same/model.py" in ended.stdout
    assert ended.stdout.count("  fix:   rename one of the folders") == 2


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ended = verify("--models-dir", str(tmp_path / "nowhere"))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "models folder" in ended.stderr
