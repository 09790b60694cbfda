"""A place of weights is a model wherever a model can be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.model.discovery import ModelFile, load_model
from tests.place_folders import place

BRIEF = ("--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    place(tmp_path / "mine")
    return tmp_path


def test_in_a_file_of_a_request(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "request.toml").write_text("models = ['./mine']\nbenchmarks = ['inference_speed']\n")
    assert main(["run", "--spec", "request.toml", "--dry-run"]) == 0
    assert "mine: local mine" in capsys.readouterr().out


def test_in_the_settings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pyproject.toml").write_text("[tool.inference_bench.run]\nmodel = './mine'\n")
    assert main(["run", "--dry-run", *BRIEF]) == 0
    assert "mine: local mine" in capsys.readouterr().out


def test_in_verify(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--model", "./mine"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == ["MODEL", "mine"]
    assert out.rstrip().endswith("none")


def test_in_ab(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", "./mine", *BRIEF]
    assert main(["run", *words, "--dry-run", "--ab", "threads=1", "threads=2"]) == 0
    assert "mine" in capsys.readouterr().out


def test_one_relative_path_in_two_folders_is_two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = []
    for name in ("one", "two"):
        folder = tmp_path / name / "own"
        folder.mkdir(parents=True)
        call = "def call(self, inputs): ..."
        text = f"from inference_bench import Model\n\nclass Own(Model):\n    title = {name!r}\n    {call}\n"
        (folder / "model.py").write_text(text)
        monkeypatch.chdir(tmp_path / name)
        titles.append(load_model(ModelFile("own", Path("own/model.py"))).title)
    assert titles == ["one", "two"]
