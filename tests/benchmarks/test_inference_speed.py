from __future__ import annotations

from functools import partial

import pytest

from inference_bench.benchmarks._lengths import fitting
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.interfaces import TextEncoder
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.harness_floor import floor_cases
from inference_bench.orchestration.planning import prepare
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Axis, Setup
from inference_bench.testing import null_model
from tests.factories import measured, run, spec

_measured = partial(measured, InferenceSpeedBenchmark())


def model_with(*can, longest=256, shortest=1):
    class Some(Model):
        name = "some"
        abilities = can
        max_input_length = longest
        min_input_length = shortest

        def load(self, *args): ...

        def unload(self): ...

    return Some


def axes_of(model):
    return {axis.name: axis.default for axis in InferenceSpeedBenchmark.axes_for(model)}


# Which view a model has


def test_a_generator_is_seen_step_by_step():
    assert axes_of(model_with("generate", longest=8192)) == {
        "input_length": (128, 512),
        "new_tokens": (32,),
        "view": ("steps",),
    }


def test_an_encoder_is_seen_forward_without_being_asked():
    assert axes_of(model_with("encode")) == {"input_length": (128, 256), "view": ("forward",)}


def test_the_case_says_what_is_run():
    cases = prepare(spec("all_minilm_l6_v2", "null")).plan.cases

    views = {(case.model, case.parameters["view"], "new_tokens" in case.parameters) for case in cases}
    assert views == {("all_minilm_l6_v2", "forward", False), ("null", "steps", True)}


def test_defaults_move_to_the_limits_of_the_model():
    axes = (Axis("input_length", (32, 128, 512)), Axis("new_tokens", (16,)))

    def lengths(longest, shortest=1):
        return fitting(axes, model_with("generate", longest=longest, shortest=shortest))[0].default

    assert lengths(1000) == (32, 128, 512)
    assert lengths(200) == (32, 128, 184)
    assert lengths(100) == (32, 84)
    assert lengths(1000, shortest=67) == (67, 128, 512)


@pytest.mark.parametrize(
    ("axes", "error", "words"),
    [
        ({"view": ("foward",)}, UnknownNameError, "unknown view 'foward': did you mean 'forward'"),
        ({"view": (3,)}, UnknownNameError, "unknown view '3'"),
        (
            {"input_length": (257,), "view": ("forward",)},
            InvalidValueError,
            "input length: got 257, expected at most 256",
        ),
    ],
)
def test_what_an_encoder_cannot_do_is_refused(axes, error, words):
    with pytest.raises(error, match=words):
        prepare(spec("all_minilm_l6_v2", **axes))


def test_a_prompt_shorter_than_the_models_shortest_is_refused():
    case = Case("some", "inference_speed", Setup(), {"input_length": 8, "new_tokens": 1, "view": "steps"})
    with pytest.raises(InvalidValueError, match="input length: got 8, expected at least 67"):
        InferenceSpeedBenchmark().check(model_with("generate", shortest=67), case)


@pytest.mark.parametrize(
    ("model", "view", "words"),
    [("all_minilm_l6_v2", "steps", "cannot generate"), ("smollm2_135m_instruct", "forward", "cannot encode")],
)
def test_a_view_that_the_model_does_not_have_is_not_applicable(model, view, words):
    found = prepare(spec(model, view=(view,))).not_applicable

    assert found
    assert all(words in reason for reason in found.values())


# What each view measures


def test_generate_is_called_as_a_user_does():
    calls = []

    class Recording(type(null_model().generator())):
        def generate(self, prompt, new_tokens):
            calls.append((len(prompt), new_tokens))
            return [0] * new_tokens

    model = null_model()
    model.generator = Recording  # type: ignore[method-assign]
    measurement = _measured(model, input_length=8, new_tokens=4, view="generate")
    columns = measurement.columns()

    assert calls[:4] == [(8, 1), (8, 4), (8, 1), (8, 4)]
    assert set(columns["metric"]) == {"ttft", "e2e"}
    assert columns["stage"][:2] == ["cold", "cold"]
    assert measurement.rates == {"prefill_rate": 8, "output_throughput": 4}


def test_forward_encodes_the_prompt():
    calls = []

    class Recording(TextEncoder):
        def prompt(self, length, batch_size=1):
            return [[0] * length] * batch_size

        def encode(self, prompt):
            calls.append((len(prompt), len(prompt[0])))

        def encode_texts(self, texts):
            return []

    model = null_model()
    model.encoder = Recording  # type: ignore[method-assign]
    measurement = _measured(model, input_length=8, view="forward")

    assert set(calls) == {(1, 8)}
    assert set(measurement.columns()["metric"]) == {"forward_time"}
    assert measurement.rates == {"embedding_rate": 1, "encode_rate": 8}


def test_a_single_token_has_no_decode_step():
    metrics = set(_measured(null_model(), input_length=8, new_tokens=1, view="steps").columns()["metric"])

    assert metrics == {"ttft", "e2e"}


@pytest.mark.parametrize("view", ["steps", "generate"])
def test_views_of_a_real_generator(view):
    found = load_model(find_models()["smollm2_135m_instruct"])
    setup = Setup(weights="random", scale="reduced")
    model = found()
    model.load(setup, resolve_weights(found, setup, print), LoadSteps())

    columns = _measured(model, setup=setup, input_length=8, new_tokens=3, view=view).columns()
    assert {"ttft", "e2e"} <= set(columns["metric"])
    assert min(columns["value"]) > 0


def test_a_real_encoder():
    found = load_model(find_models()["all_minilm_l6_v2"])
    setup = Setup(weights="random", scale="reduced")
    model = found()
    model.load(setup, resolve_weights(found, setup, print), LoadSteps())

    assert min(_measured(model, setup=setup, input_length=8, view="forward").columns()["value"]) > 0


# The floor beneath each view


def test_each_view_has_its_floor():
    def case(view, length):
        return Case("m", "inference_speed", Setup(threads=2), {"input_length": length, "view": view})

    other = Case("m", "memory_usage", Setup(), {"input_length": 1})
    found = floor_cases([other, case("steps", 8), case("steps", 16), case("forward", 32)])

    assert {(c.model, c.parameters["view"], c.parameters["input_length"]) for c in found} == {
        ("null", "steps", 8),
        ("null", "forward", 32),
    }


def test_all_views_of_the_null_model_through_the_whole_path(tmp_path):
    request = spec("null", view=("steps", "generate", "forward"), input_length=(8,), new_tokens=(4,))
    done = run(request, tmp_path).run

    assert [result.status for result in done.results] == [Status.OK] * 3
    rates = [{s.metric for s in result.summaries} - {"ttft", "itl", "tpot", "e2e"} for result in done.results]
    assert rates == [
        {"prefill_rate", "decode_rate"},
        {"prefill_rate", "output_throughput"},
        {"forward_time", "embedding_rate", "encode_rate"},
    ]
    assert {"ttft", "itl", "e2e", "forward_time"} <= set(done.record.floor)
