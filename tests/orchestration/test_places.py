"""Models named by places are planned without a framework, and measured by real workers under their own names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference_bench.errors import UsageError
from inference_bench.orchestration.planning import prepare
from inference_bench.result import Status
from inference_bench.spec import Setup
from tests.factories import run, spec
from tests.place_folders import BERT, place, trained


def test_two_folders_without_tokenizers_are_measured_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "one" / "final")
    trained(tmp_path / "sentences", BERT)
    outcome = run(spec("./one/final", "sentences", input_length=(8,), new_tokens=(4,)), tmp_path / "runs")
    results = outcome.run.results
    assert [(result.case.model, result.status) for result in results] == [
        ("final", Status.OK),
        ("sentences", Status.OK),
    ]
    model = results[0].model
    assert (model["title"], model["weights"]["label"]) == ("final", "local one/final")
    assert model["prompt"] == "token ids drawn with seed 0: no tokenizer"
    assert len(model["weights"]["digest"]) == 64


def test_random_weights_of_a_places_architecture_need_none(tmp_path: Path) -> None:
    folder = place(tmp_path / "planned")
    (folder / "model.safetensors").unlink()
    random = Setup(weights="random", scale="reduced")
    outcome = run(spec(str(folder), setup=random, input_length=(8,), new_tokens=(4,)), tmp_path / "runs")
    assert [(result.case.model, result.status) for result in outcome.run.results] == [("planned", Status.OK)]
    with pytest.raises(UsageError, match=r"planned: weights folder .* found none, expected model\.safetensors"):
        prepare(spec(str(folder)))


def test_pickles_are_refused_with_the_way_to_convert_them(tmp_path: Path) -> None:
    folder = place(tmp_path / "old")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"pytorch_model\.bin, which may run code.*save_pretrained"):
        prepare(spec(str(folder)))


def test_accuracy_does_not_apply_without_a_tokenizer(tmp_path: Path) -> None:
    folder = place(tmp_path / "mute")
    prepared = prepare(spec(str(folder), benchmarks=("accuracy",)))
    assert set(prepared.not_applicable) == {case.id for case in prepared.plan.cases}
    assert "mute has no tokenizer" in next(iter(prepared.not_applicable.values()))
    (folder / "tokenizer.json").write_text("{}")
    assert prepare(spec(str(folder), benchmarks=("accuracy",))).not_applicable == {}


def test_planning_a_place_imports_no_framework(tmp_path: Path) -> None:
    folder = place(tmp_path / "m")
    code = (
        "import sys; from inference_bench.orchestration.planning import prepare; "
        "from inference_bench.spec import Spec; "
        f"prepare(Spec(({str(folder)!r},), ('inference_speed',))); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
