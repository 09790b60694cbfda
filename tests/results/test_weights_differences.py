"""A comparison says that the weights differ under one model's name: of a fine-tune, or of two folders named alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from inference_bench.results.run import Run
from inference_bench.results.run_comparison import ComparisonOptions, RunSide, compare_runs
from inference_bench.testing import make_case, make_result, write_run


def run_with(folder: Path, digests: dict[str, str]) -> Run:
    results = [
        replace(
            make_result({"ttft": [[100, 101, 102]]}, case=make_case(model=model)), model={"weights": {"digest": of}}
        )
        for model, of in digests.items()
    ]
    return write_run(folder, *results)


def differences(one: Run, other: Run) -> list[tuple[str, str, str]]:
    found = compare_runs([RunSide("A", (one,)), RunSide("B", (other,))], ComparisonOptions())
    return [(of.name, of.before, of.after) for of in found.differences[0] if of.name.startswith("weights")]


def test_other_weights_under_the_same_name_are_a_difference(tmp_path: Path) -> None:
    before = run_with(tmp_path / "a", {"final": "a" * 64, "gone": "c" * 64})
    after = run_with(tmp_path / "b", {"final": "b" * 64})
    assert differences(before, after) == [("weights.final", f"sha256 {'a' * 12}", f"sha256 {'b' * 12}")]


def test_the_same_weights_and_none_are_no_difference(tmp_path: Path) -> None:
    before = run_with(tmp_path / "a", {"final": "a" * 64, "null": ""})
    after = run_with(tmp_path / "b", {"final": "a" * 64, "null": ""})
    assert differences(before, after) == []
