"""The view llama_bench drives an engine as llama-bench does, and says what real generation adds."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._llama_bench import REPETITIONS, check_llama_bench, measure_llama_bench
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.errors import NotApplicableError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engine.engine import in_engine
from inference_bench.model.model import Model
from inference_bench.orchestration.harness_floor import floor_cases
from inference_bench.testing import QUICK, make_case


class _Recorded:
    """A context that writes down what is done to it."""

    vocabulary = 50
    first_token = 1

    def __init__(self):
        self.calls = []

    def reset(self):
        self.calls.append("reset")

    def push(self, ids):
        self.calls.append(tuple(ids))

    def wait(self):
        self.calls.append("wait")

    def prefill(self, ids):
        self.calls.append(("prefill", len(ids)))

    def decode(self):
        self.calls.append("decode")


class _Engine(Model):
    name = "recorded"
    engine = "llama_cpp"

    def __init__(self):
        self.session = _Recorded()


@pytest.fixture
def measured():
    model, measurement = _Engine(), Measurement(QUICK)
    case = make_case("recorded", input_length=8, new_tokens=3, view="llama_bench")
    measure_llama_bench(model, case, measurement)
    return model.session.calls, measurement


def test_a_prompt_is_one_wait_and_a_generation_is_one_wait_per_token(measured):
    calls, _ = measured
    prompts = [call for call in calls if isinstance(call, tuple) and len(call) == 8]
    assert len(set(prompts)) == 1
    assert prompts[0][0] == 1
    assert all(0 <= token < 50 for token in prompts[0])
    assert len(prompts) == 1 + REPETITIONS  # one that does not count
    begin = 3 + 3  # reset, prompt, wait; reset, token, wait
    assert calls[:3] == ["reset", prompts[0], "wait"]
    repetition = calls[begin : begin + 3 + 7]
    assert repetition[:3] == ["reset", prompts[0], "wait"]
    assert repetition[3] == "reset"
    assert [len(token) for token in repetition[4::2]] == [1, 1, 1]
    assert repetition[5::2] == ["wait"] * 3
    assert repetition[4] == (1,)


def test_the_scores_are_the_rates_and_the_notes_say_what_llama_bench_prints(measured):
    _, measurement = measured
    scores = measurement.scores()
    for metric, word in (("llama_bench_pp", "pp8"), ("llama_bench_tg", "tg3")):
        rates = [value for name, value in zip(scores["metric"], scores["value"], strict=True) if name == metric]
        assert len(rates) == REPETITIONS
        assert f"{word} {fmean(rates):.2f} ± {stdev(rates):.2f} t/s" in measurement.notes[0]
    assert "choosing the likeliest adds" in measurement.notes[1]
    assert "a context of 8 tokens" in measurement.notes[1]


def test_other_engines_are_refused_and_have_no_floor():
    own = load_model(find_models()["smollm2_135m_instruct"])
    with pytest.raises(NotApplicableError, match="--engine llama_cpp"):
        check_llama_bench(own)
    case = make_case(own.name, input_length=8, new_tokens=3, view="llama_bench")
    with pytest.raises(NotApplicableError, match="--engine llama_cpp"):
        InferenceSpeedBenchmark().check(own, case)
    InferenceSpeedBenchmark().check(in_engine(own, "llama_cpp"), case)
    assert floor_cases([case]) == []
