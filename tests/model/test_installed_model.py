"""A model of an installed distribution, which an entry point names, has the place of its weights like any other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference_bench import BenchmarkRunner
from inference_bench.cli import main
from inference_bench.model.discovery import find_models
from inference_bench.result import Status
from inference_bench.testing import QUICK
from tests.place_folders import trained

MODEL = """\
from pathlib import Path

from inference_bench.model.engines.transformers.causal_lm import CausalLM


class Placed(CausalLM):
    title = "Placed"
    description = "Two small layers."
    license = "Apache-2.0"
    parameters = 29_000
    max_input_length = 64
    local = str(Path(__file__).with_name("weights"))
"""
POINT = "[inference_bench.models]\nplaced = own_models.placed:Placed\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder of a package as an installer leaves it: its files, and metadata that name the entry point."""
    site = tmp_path / "site"
    metadata = site / "own_models-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-models\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(POINT)
    package = site / "own_models"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "placed.py").write_text(MODEL)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)  # of the processes that check and measure it
    monkeypatch.chdir(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]


def test_it_is_found_where_its_module_is(installed: Path) -> None:
    assert find_models()["placed"].path == installed / "placed.py"


def test_it_is_listed_and_verified(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(installed / "weights")
    assert main(["list", "models"]) == 0
    assert any(line.split()[:2] == ["placed", "Placed"] for line in capsys.readouterr().out.splitlines())
    assert main(["verify", "--model", "placed"]) == 0


def test_its_place_is_measured(installed: Path, tmp_path: Path) -> None:
    trained(installed / "weights")
    axes = {"input_length": [8], "new_tokens": [4]}
    runner = BenchmarkRunner(
        ["placed"], benchmarks=["inference_speed"], axes=axes, limits=QUICK, output=tmp_path / "runs"
    )

    (result,) = runner.run().run.results

    assert (result.case.model, result.status) == ("placed", Status.OK)
    assert result.model["weights"]["label"].startswith("local ")
    assert result.model["weights"]["trained"]


def test_a_place_that_was_not_installed_is_named(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--model", "placed", "--benchmark", "inference_speed"]) != 0
    assert str(Path("site", "own_models", "weights")) in capsys.readouterr().err
