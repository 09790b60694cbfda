"""``migrate``: both legacy layouts, nothing overwritten or removed, a second run with nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
from inference_bench.cli import main
from inference_bench.model.discovery import ModelFile
from inference_bench.scaffold.migration import State, apply_migration, default_target, plan_migration
from inference_bench.scaffold.verification import verify_model

MODEL = """
from inference_bench.model.model import Model


class Plugin(Model):
    title = description = license = "plugin"
    max_input_length = 4096
    needs_weights = False
    abilities = ("generate",)

    def load(self, setup, weights, steps): ...
    def unload(self): ...
    def generator(self): ...
"""
BENCHMARK = """
from inference_bench import benchmark


@benchmark
def {name}(model): ...
"""


def tree(root: Path, *paths: str) -> Path:
    """Write the files; each benchmark's text names the file, so that no two are equal."""
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = MODEL if target.name == "model.py" else BENCHMARK.format(name=target.stem.replace("-", "_"))
        target.write_text(text if target.suffix == ".py" and target.name != "__init__.py" else target.name)
    return root


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def targets(old: Path, to: Path) -> dict[str, str]:
    """Source → target, both relative."""
    return {
        str(step.source.relative_to(old)): str(step.target.relative_to(to)) for step in plan_migration(old, to).steps
    }


def test_a_flat_layout_is_sorted_by_what_the_names_say(tmp_path: Path) -> None:
    old = tree(
        tmp_path / "old",
        "models/qwen/model.py",
        "models/qwen/README.md",
        "models/qwen/benchmarks/__init__.py",
        "models/qwen/benchmarks/_helpers.py",
        "models/qwen/benchmarks/prompts.jsonl",
        "models/qwen/benchmarks/bench_latency.py",
        "models/qwen/benchmarks/accuracy_benchmark.py",
        "models/qwen/benchmarks/compare-engines.py",
        "models/qwen/benchmarks/performance.py",
    )

    assert targets(old, tmp_path / "new") == {
        "models/qwen/model.py": "qwen/model.py",
        "models/qwen/README.md": "qwen/README.md",
        "models/qwen/benchmarks/_helpers.py": "qwen/benchmarks/_helpers.py",
        "models/qwen/benchmarks/prompts.jsonl": "qwen/benchmarks/prompts.jsonl",
        "models/qwen/benchmarks/bench_latency.py": "qwen/benchmarks/performance/benchmark_latency.py",
        "models/qwen/benchmarks/accuracy_benchmark.py": "qwen/benchmarks/unit/benchmark_accuracy.py",
        "models/qwen/benchmarks/compare-engines.py": "qwen/benchmarks/integration/benchmark_compare_engines.py",
        "models/qwen/benchmarks/performance.py": "qwen/benchmarks/performance/benchmark_performance.py",
    }


def test_a_layout_deep_in_a_package_keeps_its_kinds_and_gets_names_that_differ(tmp_path: Path) -> None:
    old = tree(
        tmp_path / "old",
        "src/pkg/models/Qwen3-4B/benchmarks/unit/test_answers.py",
        "src/pkg/models/Qwen3-4B/benchmarks/integration/test_answers.py",
        "src/pkg/models/Qwen3-4B/benchmarks/performance/benchmark_speed.py",
        "src/pkg/build/models/stale/benchmarks/a.py",
        "src/.venv/models/other/benchmarks/a.py",
    )
    here = "src/pkg/models/Qwen3-4B/benchmarks"

    assert targets(old, tmp_path / "new") == {
        f"{here}/unit/test_answers.py": "qwen3_4b/benchmarks/unit/benchmark_answers_unit.py",
        f"{here}/integration/test_answers.py": "qwen3_4b/benchmarks/integration/benchmark_answers.py",
        f"{here}/performance/benchmark_speed.py": "qwen3_4b/benchmarks/performance/benchmark_speed.py",
    }


@pytest.mark.parametrize("in_place", [False, True], ids=["elsewhere", "in place"])
def test_originals_stay_and_a_second_migration_finds_everything_done(tmp_path: Path, in_place: bool) -> None:
    old = tree(
        tmp_path / "old",
        "models/flat/model.py",
        "models/flat/benchmarks/accuracy.py",
        "models/flat/benchmarks/integration_accuracy.py",
        "models/flat/benchmarks/speed.py",
        "src/a/b/models/deep/benchmarks/unit/answers.py",
    )
    before = contents(old)
    to = default_target(old) if in_place else tmp_path / "new"

    first = plan_migration(old, to)
    apply_migration(first)
    after = contents(tmp_path)
    second = plan_migration(old, to)
    apply_migration(second)

    assert {step.state for step in first.steps} == {State.COPY}
    assert {step.state for step in second.steps} == {State.DONE}
    assert [step.target for step in second.steps] == [step.target for step in first.steps]
    assert contents(tmp_path) == after
    assert before.items() <= contents(old).items()
    assert first.incomplete == (to / "deep",)


def test_what_was_migrated_is_found_and_sound(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", "models/own/model.py", "models/own/benchmarks/bench_speed.py")
    apply_migration(plan_migration(old, tmp_path / "new"))

    file = ModelFile("own", tmp_path / "new" / "own" / "model.py")
    assert load_benchmark(find_benchmarks(file)["speed"]).suites == ("performance", "full")
    assert verify_model(file, [tmp_path / "new"]).findings == ()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tree(tmp_path / "old", "models/own/benchmarks/speed.py", "models/own/benchmarks/answers.py")
    kept = tmp_path / "new" / "own" / "benchmarks" / "performance" / "benchmark_speed.py"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")

    assert main(["migrate", str(old), "--to", str(tmp_path / "new"), "--apply"]) == 1
    told = capsys.readouterr().out
    assert "1 copied, 0 already done, 1 in conflict" in told
    assert kept.read_text() == "mine"
    assert (kept.parent / "benchmark_answers.py").is_file() is False  # answers are unit tests
    assert (tmp_path / "new/own/benchmarks/unit/benchmark_answers.py").is_file()


def test_a_dangling_link_in_the_way_is_a_conflict_too(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", "models/own/benchmarks/speed.py")
    link = tmp_path / "new" / "own" / "benchmarks" / "performance" / "benchmark_speed.py"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "nowhere")

    assert [step.state for step in plan_migration(old, tmp_path / "new").steps] == [State.CONFLICT]


def test_two_files_that_would_become_one_are_in_conflict(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", "models/own/benchmarks/bench_speed.py", "models/own/benchmarks/speed_benchmark.py")

    assert [step.state for step in plan_migration(old, tmp_path / "new").steps] == [State.COPY, State.CONFLICT]


def test_links_are_not_followed(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", "models/own/benchmarks/speed.py")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (old / "models" / "own" / "link.txt").symlink_to(secret)

    migration = plan_migration(old, tmp_path / "new")
    assert [path.name for path in migration.skipped] == ["link.txt"]
    assert [step.source.name for step in migration.steps] == ["speed.py"]


def test_the_plan_is_shown_and_nothing_written_unless_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree(tmp_path, "old/models/own/benchmarks/speed.py"))
    before = contents(tmp_path)

    assert main(["migrate", "old", "--to", "new"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "copy  old/models/own/benchmarks/speed.py  new/own/benchmarks/performance/benchmark_speed.py",
        "1 to copy, 0 already done, 0 in conflict; the originals stay",
        "no model.py in new/own: `python -m inference_bench new model NAME` shows what one looks like",
        "nothing was written; add --apply to copy",
    ]
    assert contents(tmp_path) == before


@pytest.mark.parametrize("old", ["nowhere", "empty", "file"])
def test_a_tree_without_legacy_models_is_refused(
    tmp_path: Path, old: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "models" / "own").mkdir(parents=True)
    (tmp_path / "file").touch()

    assert main(["migrate", old]) == 2
    assert "legacy layout" in capsys.readouterr().err


def test_a_target_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tree(tmp_path / "old", "models/own/benchmarks/speed.py")
    (tmp_path / "new").touch()

    assert main(["migrate", str(old), "--to", str(tmp_path / "new")]) == 2
    assert "a folder, or nothing yet" in capsys.readouterr().err
