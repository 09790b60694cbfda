from __future__ import annotations

import mmap
import textwrap
from functools import partial

import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks import model_loading_time
from inference_bench.benchmarks.model_loading_time import ModelLoadingTimeBenchmark, step_times_ns
from inference_bench.errors import NotApplicableError, UnknownNameError
from inference_bench.machine.page_cache import cached_bytes
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadStep, LoadSteps
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration.planning import prepare
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup
from tests.factories import run, spec

_spec = partial(spec, benchmarks=("model_loading_time",), limits=Limits())
_STEPS = (LoadStep("boot", 0, 100), LoadStep("config", 500, 530), LoadStep("weights", 540, 600))


def case(page_cache="warm", **setup):
    parameters = {"page_cache": page_cache, "input_length": 8}
    return Case("null", "model_loading_time", Setup(**setup), parameters)


def measurement_of(folder):
    return Measurement(Limits(), weights=ResolvedWeights("local", "", True, path=folder))


def times(measurement):
    columns = measurement.columns()
    rows = zip(columns["metric"], columns["phase"], columns["value"], strict=True)
    return {phase: value for metric, phase, value in rows if metric == "load_time"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(range(256)) * 16 * 200)
    return tmp_path


def loaded_null(steps=_STEPS):
    measurement = Measurement(Limits())
    measurement.load_steps = steps
    return load_model(find_models()["null"])(), measurement


def test_steps_of_one_name_are_added_up():
    steps = [LoadStep("read", 0, 5), LoadStep("materialise", 5, 9), LoadStep("read", 10, 12)]

    assert step_times_ns(steps) == {"read": 7, "materialise": 4}


def test_total_is_boot_load_and_first_call_without_the_harness_between():
    model, measurement = loaded_null()
    ModelLoadingTimeBenchmark().measure(model, case(), measurement)
    found = times(measurement)

    assert list(found) == ["boot", "config", "weights", "first_call", "total"]
    assert (found["boot"], found["config"], found["weights"]) == (100, 30, 60)
    assert found["total"] == 100 + (600 - 500) + found["first_call"]


def test_compiling_is_what_the_first_call_takes_longer():
    model, measurement = loaded_null()
    ModelLoadingTimeBenchmark().measure(model, case(compile="default"), measurement)
    found = times(measurement)

    assert 0 <= found["compile"] <= found["first_call"]


def test_an_encoder_is_called_through_its_encoder():
    model, measurement = loaded_null()
    type(model).abilities, kept = ("encode",), type(model).abilities
    try:
        ModelLoadingTimeBenchmark().measure(model, case(), measurement)
    finally:
        type(model).abilities = kept
    assert times(measurement)["first_call"] >= 0


# The page cache


@pytest.mark.parametrize("state", ["warm", "cold"])
def test_the_files_are_where_the_case_says(folder, state):
    measurement = measurement_of(folder)
    ModelLoadingTimeBenchmark().before_load(case(state), measurement)

    held = sum(cached_bytes(file) for file in folder.iterdir())
    assert measurement.columns()["value"] == [held]
    if state == "cold" and held:
        pytest.skip("this file system keeps its files in memory")
    assert measurement.notes == []
    assert held == (0 if state == "cold" else 200 * 4096 + mmap.PAGESIZE)


def test_a_file_that_stays_in_memory_is_no_cold_start(folder):
    measurement = measurement_of(folder)
    with (
        (folder / "model.safetensors").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
    ):
        assert sum(held[:: mmap.PAGESIZE]) >= 0  # every page is in use
        ModelLoadingTimeBenchmark().before_load(case("cold"), measurement)

    (note,) = measurement.notes
    assert note.startswith("not a cold start: ")
    assert "could not be evicted" in note


def test_a_file_that_does_not_stay_in_memory_is_no_warm_start(folder, monkeypatch):
    monkeypatch.setattr(model_loading_time, "fill", lambda path: None)
    monkeypatch.setattr(model_loading_time, "cached_bytes", lambda path: 0)
    measurement = measurement_of(folder)
    ModelLoadingTimeBenchmark().before_load(case("warm"), measurement)

    assert measurement.notes[0].startswith("not a warm start: the page cache holds 0 B of ")


def test_a_kernel_that_does_not_tell_is_noted(folder, monkeypatch):
    monkeypatch.setattr(model_loading_time, "cached_bytes", lambda path: None)
    measurement = measurement_of(folder)
    ModelLoadingTimeBenchmark().before_load(case("cold"), measurement)

    assert measurement.columns()["value"] == []
    assert measurement.notes == ["the kernel does not report which parts of the weights' files are in the page cache"]


def test_without_files_there_is_no_cold_start():
    benchmark, measurement = ModelLoadingTimeBenchmark(), Measurement(Limits())

    benchmark.before_load(case("warm"), measurement)
    with pytest.raises(NotApplicableError, match="needs weights in files"):
        benchmark.before_load(case("cold"), measurement)


@pytest.mark.parametrize(
    ("model", "setup"),
    [("null", Setup()), ("smollm2_135m_instruct", Setup(weights="random", scale="reduced"))],
)
def test_a_cold_start_of_nothing_is_said_not_to_apply(model, setup):
    prepared = prepare(_spec(model, setup=setup))

    cold = [c.id for c in prepared.plan.cases if c.parameters["page_cache"] == "cold"]
    assert list(prepared.not_applicable) == cold


def test_a_state_that_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="unknown page_cache 'hot'"):
        prepare(_spec("null", page_cache=("hot",)))


# The whole path


def test_each_case_takes_three_processes(tmp_path):
    warm, cold = sorted(run(_spec("null"), tmp_path).run.results, key=lambda result: result.status is not Status.OK)

    assert (warm.status, cold.status) == (Status.OK, Status.NOT_APPLICABLE)
    assert len({worker["pid"] for worker in warm.workers}) == 3
    found = {summary.phase: summary for summary in warm.summaries}
    assert list(found) == ["boot", "weights", "first_call", "total"]
    assert {(s.n, s.runs, s.scope) for s in found.values()} == {(3, 3, "runs")}
    assert found["boot"].headline.value > found["weights"].headline.value
    assert found["total"].headline.low is not None


_FILES = """
    from inference_bench.model.interfaces import TextGenerator
    from inference_bench.model.model import Model

    class Reader(Model):
        title = "reads its weights"
        max_input_length = 64
        needs_weights = True

        def load(self, setup, weights, steps):
            with steps.step("read"):
                for path in sorted(weights.path.iterdir()):
                    path.read_bytes()
            with steps.step("materialise"):
                pass

        def unload(self): pass

        def generator(self): return Nothing()

    class Nothing(TextGenerator):
        def prompt(self, length): return length
        def prefill(self, prompt): return 0
        def decode(self): return 0
        def generate(self, prompt, new_tokens): return [0] * new_tokens
"""


def test_cold_and_warm_starts_of_files(tmp_path):
    (tmp_path / "models" / "reader").mkdir(parents=True)
    (tmp_path / "models" / "reader" / "model.py").write_text(textwrap.dedent(_FILES))
    found = load_model(find_models([tmp_path / "models"])["smollm2_135m_instruct"])
    weights = tmp_path / "weights"
    weights.mkdir()
    network = found()
    setup = Setup(weights="random", scale="reduced")
    from inference_bench.model.weights.resolution import resolve_weights

    network.load(setup, resolve_weights(found, setup, print), LoadSteps())
    network.network.save_pretrained(weights)  # type: ignore[attr-defined]
    request = _spec("reader", setup=Setup(weights=str(weights)), input_length=(8,))
    results = run(request, tmp_path / "out", tmp_path / "models").run.results

    assert [result.status for result in results] == [Status.OK] * 2, [r.failure for r in results]
    cached = {
        result.case.parameters["page_cache"]: summary.headline.value
        for result in results
        for summary in result.summaries
        if summary.metric == "weights_cached"
    }
    if cached["cold"]:
        pytest.skip("this file system keeps its files in memory")
    assert cached["warm"] >= sum(path.stat().st_size for path in weights.iterdir())
