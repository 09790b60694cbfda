"""A model named by its repository, from the listing to the result: real workers, a double of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.result import Status
from inference_bench.results.run import load_run
from tests.fake_hub import COMMIT, served_hub
from tests.place_folders import trained

RUN = ("run", "--model", "owner/tiny", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")
BRIEF = ("--quick", "--budget", "0.1", "--quiet")


def test_list_plan_and_run_then_again_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained(tmp_path / "published")
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with served_hub(monkeypatch, {path.name: path.read_bytes() for path in folder.iterdir()}) as hub:
        assert main(["list", "benchmarks", "--model", "owner/tiny"]) == 0
        assert "inference_speed" in capsys.readouterr().out

        assert main([*RUN, "--dry-run"]) == 0
        assert "not in the cache; to be fetched from hub owner--tiny@main" in capsys.readouterr().out
        assert not any("model.safetensors" in path for path in hub.asked)

        assert main([*RUN, *BRIEF, "--output", str(tmp_path / "first")]) == 0
        assert any("model.safetensors" in path for path in hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main([*RUN, *BRIEF, "--output", str(tmp_path / "second")]) == 0

    for output, source in (("first", "hub"), ("second", "cache")):
        (result,) = load_run(tmp_path / output).results
        assert (result.status, result.case.model, result.model["title"]) == (Status.OK, "tiny", "tiny")
        weights = result.model["weights"]
        assert (weights["source"], weights["trained"], weights["commit"]) == (source, True, COMMIT)
        assert weights["label"] == f"hub owner/tiny@{COMMIT[:8]}"
