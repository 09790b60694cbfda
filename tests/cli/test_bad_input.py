"""What people get wrong on their way in: each is one line that says what was given, what was expected, what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.extras import install_advice
from inference_bench.result import BenchmarkResult, Status
from inference_bench.results.run import load_run
from tests.layers import ROOT

FOREIGN = ["options '-m': an option of llama-bench", "`--model FILE.gguf`", "'-p'", "'-n'", "`--new-tokens N`"]
SETTINGS = "[tool.inference_bench.run]\n"

MODEL = """
from inference_bench import Model

class Plugin(Model):
    title, description, license = "t", "d", "MIT"
    devices, dtypes = ("cpu",), ("float32",)

    def inputs(self, case): return [1, 2]
"""

REFUSED = {
    "a folder that is no model": (["--model", "./plain"], {"plain/a.txt": "x"}, ["it holds a.txt", "config.json"]),
    "a GGUF file with a damaged header": (
        ["--model", "./bad.gguf"],
        {"bad.gguf": "GGUF" + "x" * 40},
        ["bad.gguf", "its header cannot be read"],
    ),
    "a hub name offline": (
        ["--model", "owner/nowhere"],
        {},
        ["HF_HUB_OFFLINE is set, and not in the hub's cache", "--model ./FOLDER"],
    ),
    "a key that no option has": (
        [],
        {"pyproject.toml": f"{SETTINGS}dtpye = 'float32'"},
        ["pyproject.toml", "'dtpye'", "did you mean 'dtype'"],
    ),
    "two sources for one option": (
        [],
        {"pyproject.toml": f"{SETTINGS}model = 'null'\nall = true"},
        ["all", "together with", "[tool.inference_bench.run] model"],
    ),
    "weights that no model loads": (
        ["--model", "null", "--weights", "./w"],
        {"w/config.json": "{}"},
        ["expected none", "Leave --weights out"],
    ),
    "a callable that needs an argument it does not get": (
        ["--models-dir", ".", "--model", "needy"],
        {"needy/model.py": MODEL + "    def call(self, inputs, temperature): return inputs"},
        ["needy.call", "temperature"],
    ),
    "options of another tool": (["-m", "x.gguf", "-p", "512", "-n", "128"], {}, FOREIGN),
    "a sink of several runs": (["--sink", "json", "--ab", "threads=1", "threads=2"], {}, ["--resume RUN --sink NAME"]),
}
"""What → words after ``run --dry-run``, files, and what the line says."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_in_one_line(folder: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, files, parts = REFUSED[what]
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    assert main(["run", "--dry-run", *words]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert [part for part in parts if part not in error] == [], error


CALLS = {
    "silent": "def call(self, inputs): sum(inputs)",
    "changes": "def call(self, inputs): inputs.append(1); return len(inputs)",
}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BenchmarkResult]:
    folder = tmp_path_factory.mktemp("calls")
    for name, line in CALLS.items():
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / "model.py").write_text(f"{MODEL}\n    {line}\n")
    words = ["--models-dir", str(folder / "models"), "--model", ",".join(CALLS), "--benchmark", "inference_speed"]
    main(["run", *words, "--quick", "--budget", "0.05", "--quiet", "--output", str(folder / "runs")])
    return {result.case.model: result for result in load_run(folder / "runs").results}


def test_a_callable_that_returns_nothing_has_a_speed(called: dict[str, BenchmarkResult]) -> None:
    assert called["silent"].status is Status.OK
    assert called["silent"].notes == ()


def test_a_callable_that_changes_its_input_gets_a_note(called: dict[str, BenchmarkResult]) -> None:
    assert called["changes"].status is Status.OK
    assert "call() changed its inputs in place" in " ".join(called["changes"].notes)


def older_python() -> str | None:
    names = [f"python3.{minor}" for minor in range(7, 11)]
    found = [path for name in names if (path := shutil.which(name))]
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.[789].*/bin/python"))
    return next(iter([*map(str, pyenv), *found]), None)


def test_a_python_that_is_too_old_is_named() -> None:
    python = older_python()
    if python is None:
        pytest.skip("no Python 3.7 to 3.10 here")
    words = [python, "-m", "inference_bench", "list"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 127:
        pytest.skip("that Python is a shim without a version behind it")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected 3.11 or newer" in done.stderr


def test_a_python_without_the_package_is_told_to_install_it() -> None:
    here = ".".join(map(str, sys.version_info[:2]))
    for error in (PackageNotFoundError("inference-bench"), ModuleNotFoundError(name="inference_bench._native")):
        assert f"not installed for Python {here}: pip install ." in install_advice(error)
