"""Each error of a plugin is a row that names it, and everything else is measured."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.result import BenchmarkResult, Status
from inference_bench.spec import Limits, Setup, Spec

MODEL = """
from inference_bench import Model, TextGenerator


class Plugin(Model):
    title = "plugin"
    description = "of a test"
    license = "Apache-2.0"
    max_input_length = 4096
    needs_weights = False
    abilities = ("generate",)

    def load(self, setup, weights, steps): ...
    def unload(self): ...
    def generator(self): return Generator()


class Generator(TextGenerator):
    def prompt(self, length): return [0] * length
    def prefill(self, prompt): return 0
    def decode(self): return 0
    def generate(self, prompt, new_tokens): return [0] * new_tokens
"""
MODELS: dict[str, tuple[str, str, Status, str]] = {
    "sound": ("", "", Status.OK, ""),
    "syntax_error": ("class Plugin(Model):", "class Plugin(Model:", Status.FAILED, "model.py:5: SyntaxError"),
    "odd_load": ("def load(self, setup, weights, steps)", "def load(self, path)", Status.FAILED, "takes 2 positional"),
    "odd_generator": ("return Generator()", "return 5", Status.FAILED, "'int' object has no attribute 'prompt'"),
    "odd_description": (
        "def unload(self): ...",
        "def unload(self): ...\n    def describe(self): return 'a plugin'",
        Status.FAILED,
        "'str' object is not a mapping",
    ),
    "cannot_generate": ('("generate",)', '("score",)', Status.NOT_APPLICABLE, "generate text; it can score text"),
}
"""Model → what is replaced in a sound one, by what; what becomes of its case."""

BENCHMARK = """
from inference_bench.benchmark.benchmark import Benchmark


class Own(Benchmark):
    title = "own"

    def measure(self, model, case, measurement):
        BODY
"""
BODIES: dict[str, tuple[str, Status, str]] = {
    "sound": ("measurement.once().record('call_time', 5)", Status.OK, ""),
    "yields_nothing": ("pass", Status.FAILED, "nothing"),
    "records_nan": ("measurement.once().record('call_time', float('nan'))", Status.FAILED, "nan"),
    "records_a_fraction": ("measurement.once().record('call_time', 0.5)", Status.FAILED, "0.5"),
    "scores_nan": ("measurement.score('accuracy', 'task', 'item', float('nan'))", Status.FAILED, "nan"),
    "names_no_metric": ("measurement.once().record('call_tiem', 5)", Status.FAILED, "call_tiem"),
}
"""Benchmark → its measure; what becomes of its case."""


def run(tmp_path: Path, models: tuple[str, ...], benchmarks: tuple[str, ...]) -> RunOutcome:
    for name in models:
        path = tmp_path / "models" / name / "model.py"
        path.parent.mkdir(parents=True)
        old, new, *_ = MODELS[name]
        path.write_text(MODEL.replace(old, new) if old else MODEL)
    (tmp_path / "benchmarks").mkdir()
    for name, (body, *_) in BODIES.items():
        (tmp_path / "benchmarks" / f"benchmark_{name}.py").write_text(BENCHMARK.replace("BODY", body))
    limits = Limits(min_samples=5, budget_ns=100_000_000)
    axes = {"input_length": (8,), "new_tokens": (4,)} if benchmarks == ("inference_speed",) else {}
    spec = Spec(models=models, benchmarks=benchmarks, setups=(Setup(),), axes=axes, limits=limits)
    return asyncio.run(
        run_benchmarks(
            spec,
            output=tmp_path / "out",
            models_dirs=[tmp_path / "models"],
            benchmarks_dirs=[tmp_path / "benchmarks"],
        )
    )


@pytest.fixture(scope="module")
def by_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BenchmarkResult]:
    outcome = run(tmp_path_factory.mktemp("models"), tuple(MODELS), ("inference_speed",))
    return {result.case.model: result for result in outcome.run.results}


@pytest.fixture(scope="module")
def by_benchmark(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BenchmarkResult]:
    outcome = run(tmp_path_factory.mktemp("benchmarks"), ("sound",), tuple(BODIES))
    return {result.case.benchmark: result for result in outcome.run.results}


@pytest.mark.parametrize("name", MODELS)
def test_a_model(by_model: dict[str, BenchmarkResult], name: str) -> None:
    _, _, status, words = MODELS[name]
    check(by_model[name], status, words)


@pytest.mark.parametrize("name", BODIES)
def test_a_benchmark(by_benchmark: dict[str, BenchmarkResult], name: str) -> None:
    _, status, words = BODIES[name]
    check(by_benchmark[name], status, words)


def check(result: BenchmarkResult, status: Status, words: str) -> None:
    cause = result.failure.cause if result.failure else ""
    assert (result.status, words in cause) == (status, True), cause
    assert "\n" not in cause
