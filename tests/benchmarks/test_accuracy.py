"""The accuracy benchmark from the spec to the files: a row for every case, whatever its task or model does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from inference_bench.benchmark.accuracy.tasks import SAMPLES
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.result import BenchmarkResult, Status
from inference_bench.spec import Setup, Spec

_MODEL = """
import sys
sys.path.insert(0, {tests!r})

from tests.scorers import BitScorer
from inference_bench.errors import UnscorableError
from inference_bench.model.interfaces import Likelihood
from inference_bench.model.model import Model


def limited(text):
    if len(text) > 64:
        raise UnscorableError("letters", len(text), "at most 64")
    return BitScorer().text_likelihood(text)


class Scorer(BitScorer):
    def text_likelihood(self, text):
        return {likelihood}


class Scoring(Model):
    title = "scores by the letter"
    max_input_length = 64
    needs_weights = False

    def load(self, setup, weights, steps):
        with steps.step("weights"):
            pass

    def unload(self):
        pass

    def scorer(self):
        return {scorer}
"""

_MODELS = {
    "scoring": {},
    "overflowing": {"likelihood": "Likelihood(float('nan'), 1, False)"},
    "silent": {"scorer": "super().scorer()"},
    "limited": {"likelihood": "limited(text)"},
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name, changed in _MODELS.items():
        parts = {"likelihood": "super().text_likelihood(text)", "scorer": "Scorer('Paris')", **changed}
        path = tmp_path / "models" / name / "model.py"
        path.parent.mkdir(parents=True)
        path.write_text(_MODEL.format(tests=str(Path(__file__).parents[1]), **parts))
    return tmp_path / "models"


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, str]:
    """Three files: a good one with all kinds of items, one with a bad line, one without items."""
    lines = {
        "good": [
            {"id": "one", "context": "x", "choices": ["b", "aaa"], "answer": 0},
            {"id": "two", "context": "x", "choices": ["b", "aaa"], "answer": 1},
            {"id": "three", "prompt": "Capital of France?", "answers": ["paris"]},
            {"id": "four", "text": "aab"},
        ],
        "bad": [{"text": "a"}, {"text": 5}],
        "empty": [],
    }
    for name, items in lines.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return {name: str(tmp_path / f"{name}.jsonl") for name in lines}


def measure(tmp_path: Path, models: Path, names: tuple[str, ...], tasks: tuple[str, ...]) -> RunOutcome:
    spec = Spec(models=names, benchmarks=("accuracy",), setups=(Setup(weights="any"),), axes={"task": tasks}, runs=2)
    return asyncio.run(run_benchmarks(spec, output=tmp_path / "out", models_dirs=[models]))


def figures(result: BenchmarkResult) -> dict[str, float | None]:
    return {summary.metric: summary.headline.value for summary in result.summaries}


def test_a_task_becomes_figures_and_scores(tmp_path: Path, models: Path, tasks: dict[str, str]) -> None:
    outcome = measure(tmp_path, models, ("scoring",), (tasks["good"],))
    (result,) = outcome.run.results
    assert result.status is Status.OK
    found = figures(result)
    assert found["accuracy"] == found["accuracy_norm"] == 0.5
    assert found["exact_match"] == 1.0
    assert found["bits_per_byte"] == pytest.approx(4 / 3)
    assert found["perplexity"] == pytest.approx(2 ** (4 / 3))
    assert {summary.phase for summary in result.summaries} == {"good"}
    import pyarrow.parquet as parquet

    (file,) = (outcome.folder / "scores").glob("*.parquet")
    rows = parquet.read_table(file).to_pylist()
    assert [(row["item"], row["metric"], row["value"]) for row in rows[:4]] == [
        ("one", "accuracy", 1.0),
        ("one", "accuracy_norm", 0.0),
        ("two", "accuracy", 0.0),
        ("two", "accuracy_norm", 1.0),
    ]
    assert json.loads(rows[0]["detail"])["choices"] == ["b", "aaa"]
    assert {row["run"] for row in rows} == {0}  # a second process could only find the same


def test_what_cannot_be_scored_is_a_row_and_the_rest_goes_on(
    tmp_path: Path, models: Path, tasks: dict[str, str]
) -> None:
    tasks = {
        name: path for name, path in tasks.items() if name == "good"
    }  # others are refused before anything is loaded
    outcome = measure(tmp_path, models, ("silent", "overflowing", "scoring"), tuple(tasks.values()))
    found = {
        (result.case.model, Path(str(result.case.parameters["task"])).stem): result for result in outcome.run.results
    }
    assert len(found) == 3
    assert found["scoring", "good"].status is Status.OK
    for case, cause in {
        ("overflowing", "good"): "log-likelihood of item one: got [nan, nan], expected finite numbers",
    }.items():
        assert found[case].status is Status.FAILED
        assert cause in found[case].failure.cause
    for name in tasks:
        assert found["silent", name].status is Status.NOT_APPLICABLE
        assert found["silent", name].failure.cause == "silent does not score text"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("bad", "line 2: 'text': expected a text, got 5"), ("empty", "no items; expected one JSON object per line")],
)
def test_a_file_that_is_no_task_is_refused_before_anything_is_loaded(
    tmp_path: Path, models: Path, tasks: dict[str, str], name: str, reason: str
) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        measure(tmp_path, models, ("scoring",), (tasks[name],))


def test_an_item_that_is_too_long_is_left_out_and_named(tmp_path: Path, models: Path) -> None:
    short = [{"id": f"q{number}", "context": "x", "choices": ["b", "aaa"], "answer": 0} for number in range(4)]
    long = {"id": "the long one", "context": "x", "choices": ["a", "c" * 100], "answer": 0}
    files = {"one": [*short[:2], long, *short[2:]], "all": [long]}
    for name, items in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    outcome = measure(tmp_path, models, ("limited",), tuple(str(tmp_path / f"{name}.jsonl") for name in files))
    one, everything = outcome.run.results
    assert one.status is Status.OK
    assert figures(one)["accuracy"] == 1.0
    assert {summary.n for summary in one.summaries} == {4}
    assert any("1 of 5 items of one left out, first the long one: letters: got 100" in note for note in one.notes)
    assert everything.status is Status.FAILED
    assert "task all: no item can be scored, first the long one: letters: got 100" in everything.failure.cause


def test_a_task_that_does_not_exist_is_refused_before_anything_is_measured(tmp_path: Path, models: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'hella'.*did you mean 'hellaswag'"):
        measure(tmp_path, models, ("scoring",), ("hella",))
    assert not (tmp_path / "out").exists()


def test_random_weights_are_not_judged(tmp_path: Path) -> None:
    spec = Spec(
        models=("smollm2_135m_instruct",),
        benchmarks=("accuracy",),
        setups=(Setup(weights="random", scale="reduced"),),
    )
    outcome = asyncio.run(run_benchmarks(spec, output=tmp_path))
    assert {result.case.parameters["task"] for result in outcome.run.results} == {*SAMPLES, "chat_answers"}
    assert {result.status for result in outcome.run.results} == {Status.NOT_APPLICABLE}
    assert "these weights have no tokenizer" in outcome.run.results[0].failure.cause


@pytest.mark.slow
def test_a_trained_model_knows_more_than_chance(tmp_path: Path) -> None:
    """The real model on the sample; with so few items only gross errors of scoring show."""
    from inference_bench.benchmark.accuracy.tasks import find_task
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.resolution import resolve_weights

    found = load_model(find_models()["smollm2_135m_instruct"])
    model = found()
    model.load(Setup(threads=1), resolve_weights(found, Setup(), print), LoadSteps())
    scorer = model.scorer()
    means = {}
    for task in SAMPLES:
        scores = [score for _, score in find_task(task).scores(scorer, 100, lambda done, total: None)]
        for metric in {score.metric for score in scores}:
            values = [score.value for score in scores if score.metric == metric]
            means[metric] = sum(values) / len(values)
    model.unload()
    assert means["accuracy"] > 0.5  # chance is a quarter
    assert means["exact_match"] > 0.4
    assert 0.5 < means["bits_per_byte"] < 1.5
