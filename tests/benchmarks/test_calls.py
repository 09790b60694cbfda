"""Models that can only be called: what each standard benchmark measures of them, and what is wrong with a call."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._call_checks import check_call
from inference_bench.benchmarks._calls import inputs_of
from inference_bench.benchmarks.agreement import AgreementBenchmark
from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark
from inference_bench.benchmarks.model_loading_time import ModelLoadingTimeBenchmark
from inference_bench.errors import InvalidValueError, NotApplicableError, UsageError
from inference_bench.model.load_steps import LoadStep
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration.harness_floor import floor_cases
from inference_bench.plan import Case
from inference_bench.spec import Axis, Setup
from inference_bench.testing import QUICK
from tests.factories import measured


class Blur(Model):
    """The least: inputs and call."""

    name = "blur"
    call_axes = (Axis("batch_size", (1,)), Axis("image_size", (8,)))

    def inputs(self, case):
        shape = (case.integer("batch_size"), case.integer("image_size"))
        return np.random.default_rng(case.setup.seed).random(shape, np.float32)

    def call(self, inputs):
        return (inputs + inputs[:, ::-1]) / 2


class Loaded(Blur):
    """Computes in the set-up's dtype, as far as numpy has it."""

    name = "loaded"

    def load(self, setup, weights, steps):
        self.dtype = np.dtype(setup.dtype if setup.dtype == "float16" else "float32")

    def inputs(self, case):
        return super().inputs(case).astype(self.dtype)


def loaded(model, dtype="float32"):
    found = model()
    found.load(Setup(dtype=dtype), ResolvedWeights("none", "no weights", False), None)
    return found


def of(model, benchmark, **parameters):
    axes = {axis.name: axis.default[0] for axis in benchmark.axes_for(model)}
    return Case(model.name, benchmark.__module__.rpartition(".")[2], Setup(), axes | parameters)


def scores(measurement):
    found = measurement.scores()
    return dict(zip(zip(found["metric"], found["item"], strict=True), found["value"], strict=True))


# What follows from the methods


def test_abilities_and_weights_follow_from_what_a_class_has():
    assert (Blur.abilities, Blur.needs_weights, Blur.reads_text()) == (("call",), False, False)
    assert Model.abilities == ()

    class Mixin:
        encoder = None

    class Mixed(Mixin, Blur):  # type: ignore[misc]
        pass

    class Stated(Blur):
        abilities = ("generate",)

    assert (Mixed.abilities, Stated.abilities) == (("encode", "call"), ("generate",))


def test_a_refusal_reads_well():
    class bare(Model):  # noqa: N801
        name = "bare"

    with pytest.raises(NotApplicableError, match=r"^blur cannot generate text; it can be called$"):
        Blur.require("generate")
    with pytest.raises(NotApplicableError, match=r"^bare cannot be called; it can do nothing yet$"):
        bare.require("call")


@pytest.mark.parametrize(
    ("benchmark", "axes"),
    [
        (InferenceSpeedBenchmark, {"view": ("call",), "batch_size": (1,), "image_size": (8,)}),
        (MemoryUsageBenchmark, {"batch_size": (1,), "image_size": (8,)}),
        (ModelLoadingTimeBenchmark, {"page_cache": ("warm", "cold"), "batch_size": (1,), "image_size": (8,)}),
        (BatchProcessingBenchmark, {"batch_size": (1, 2, 4, 8, 16), "image_size": (8,)}),
        (AgreementBenchmark, {"inputs": (4,), "batch_size": (1,), "image_size": (8,)}),
    ],
)
def test_the_axes_are_those_of_its_inputs(benchmark, axes):
    assert {axis.name: axis.default for axis in benchmark.axes_for(Blur)} == axes


# What is measured


def test_speed_is_the_time_of_a_call_and_the_rate_of_its_items():
    measurement = measured(InferenceSpeedBenchmark(), Blur(), view="call", batch_size=3, image_size=8)

    assert set(measurement.columns()["metric"]) == {"call_time"}
    assert measurement.rates == {"item_rate": 3}
    assert measurement.notes == []


def test_the_floor_of_a_call_is_a_call_of_the_null_model():
    (case,) = floor_cases([of(Blur, InferenceSpeedBenchmark)])

    assert (case.model, case.parameters["view"]) == ("null", "call")


def test_memory_has_the_phases_load_and_call():
    measurement = Measurement(QUICK)
    benchmark, case = MemoryUsageBenchmark(), of(Blur, MemoryUsageBenchmark)
    benchmark.before_load(case, measurement)
    benchmark.measure(Blur(), case, measurement)

    assert set(measurement.columns()["phase"]) == {"load", "call"}


def test_loading_ends_with_a_first_call():
    measurement = Measurement(QUICK)
    measurement.load_steps = [LoadStep("boot", 0, 5)]
    ModelLoadingTimeBenchmark().measure(Blur(), of(Blur, ModelLoadingTimeBenchmark), measurement)

    assert measurement.columns()["phase"] == ["boot", "first_call", "total"]


def test_each_row_of_a_batch_is_as_alone():
    measurement = measured(BatchProcessingBenchmark(), Blur(), batch_size=8, image_size=8)

    assert measurement.rates == {"item_rate": 8}
    assert scores(measurement) == {("output_error", f"row {row} output"): 0.0 for row in (0, 2, 4, 7)}


def test_a_row_that_depends_on_the_others_is_seen():
    class Normed(Blur):
        def call(self, inputs):
            return inputs - inputs.mean(0)

    found = scores(measured(BatchProcessingBenchmark(), Normed(), batch_size=2, image_size=8))

    assert set(found.values()) == {1.0}  # alone, each row minus its own mean is zero


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"inputs": lambda self, case: np.zeros((5, 8))}, "no array or list of 4 rows"),
        ({"call": lambda self, inputs: inputs.sum()}, "no output has a row for each item"),
        ({"call": lambda self, inputs: None}, "no output has a row for each item"),
    ],
)
def test_rows_that_cannot_be_compared_get_a_note(members, said):
    model = type("Odd", (Blur,), members)()
    measurement = measured(BatchProcessingBenchmark(), model, batch_size=4, image_size=8)

    assert scores(measurement) == {}
    (note,) = measurement.notes
    assert said in note


def test_a_model_that_takes_one_item_has_no_batches():
    one = type("One", (Blur,), {"name": "one", "call_axes": ()})

    with pytest.raises(
        NotApplicableError, match=re.escape('one takes one item a call: its call_axes have no Axis("ba')
    ):
        BatchProcessingBenchmark().check(one, of(one, BatchProcessingBenchmark))


def agreement(model, dtype, inputs=2):
    measurement = Measurement(QUICK, weights=ResolvedWeights("none", "no weights", False))
    case = Case(model.name, "agreement", Setup(dtype=dtype), {"inputs": inputs, "batch_size": 2, "image_size": 8})
    AgreementBenchmark().measure(loaded(model, dtype), case, measurement)
    return measurement


def test_the_reference_agrees_with_itself():
    measurement = agreement(Loaded, "float32")

    assert set(measurement.scores()["item"]) == {"input 1 output", "input 2 output"}
    assert scores(measurement)["output_error", "input 2 output"] == 0
    assert scores(measurement)["top1_class", "input 1 output"] == 1


def test_a_coarser_number_format_is_seen():
    found = scores(agreement(Loaded, "float16"))

    assert 0 < found["output_error", "input 1 output"] < 2**-10
    assert found["output_error", "input 1 output"] != found["output_error", "input 2 output"]


def test_inputs_that_do_not_follow_the_seed_are_compared_once():
    fixed = type("Fixed", (Loaded,), {"inputs": lambda self, case: np.ones((2, 8), self.dtype)})

    measurement = agreement(fixed, "float16")

    assert set(measurement.scores()["item"]) == {"input 1 output"}
    assert measurement.notes == ["1 of 2 inputs compared: inputs() gives the same ones again"]


def test_other_random_numbers_in_another_dtype_are_refused():
    def draw(self, case):
        return np.random.default_rng(self.dtype.itemsize).random((2, 8)).astype(self.dtype)

    with pytest.raises(InvalidValueError, match=r"other values with float16 than with float32.*Draw them in float32"):
        agreement(type("Drawn", (Loaded,), {"inputs": draw}), "float16")


def test_a_call_that_returns_nothing_has_no_agreement_but_a_speed():
    silent = type("Silent", (Loaded,), {"call": lambda self, inputs: None})

    with pytest.raises(NotApplicableError, match="nothing to compare"):
        agreement(silent, "float16")
    measurement = measured(InferenceSpeedBenchmark(), loaded(silent), view="call", batch_size=1, image_size=8)
    assert measurement.decision.converged or measurement.columns()["value"]


def test_a_model_without_load_has_one_setup():
    with pytest.raises(NotApplicableError, match=r"has no load\(\): every set-up computes the same"):
        AgreementBenchmark().check(Blur, of(Blur, AgreementBenchmark))
    with pytest.raises(InvalidValueError, match=r"dtype of blur: got 'bfloat16', expected float32: it has no load\(\)"):
        check_call(Blur, Case("blur", "", Setup(dtype="bfloat16")))


# What can be wrong with a call


def with_call(call, **members):
    return type("Odd", (Blur,), {"name": "odd", "call": call, **members})


async def coroutine(self, inputs):
    return inputs


def generator(self, inputs):
    yield inputs


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            with_call(lambda self, pixels, mask: pixels),
            r"odd.call: got '\(self, pixels, mask\)', expected \(self, inputs\).*return all of them from there.*'mask'",
        ),
        (with_call(lambda self: 1), r"odd.call: got '\(self\)', expected \(self, inputs\)"),
        (with_call(staticmethod(lambda: 1)), r"odd.call: got '\(\)', expected \(inputs\)"),
        (with_call(coroutine), r"odd.call: got 'a coroutine or generator function', expected a plain function"),
        (with_call(generator), "a coroutine or generator function"),
        (with_call(lambda self, inputs: 1, inputs=lambda self: 1), r"odd.inputs: got '\(self\)'.*case.parameters"),
    ],
)
def test_a_call_with_other_arguments_is_refused_before_anything_is_loaded(model, said):
    with pytest.raises(InvalidValueError, match=said):
        check_call(model, Case("odd", "", Setup()))


@pytest.mark.parametrize("call", [staticmethod(abs), lambda self, inputs, fast=True: inputs, lambda *args: args])
def test_a_call_that_takes_its_inputs_is_accepted(call):
    check_call(with_call(call), Case("odd", "", Setup()))


speed = partial(measured, InferenceSpeedBenchmark(), view="call", batch_size=1, image_size=8)


def test_a_call_that_returns_what_nothing_has_run_is_refused():
    with pytest.raises(UsageError, match="returned a generator that nothing has run"):
        speed(with_call(lambda self, inputs: (row for row in inputs))())
    with pytest.raises(UsageError, match="returned a generator that nothing has run"):
        inputs_of(with_call(abs, inputs=lambda self, case: iter(x for x in ()))(), of(Blur, InferenceSpeedBenchmark))


def test_a_call_that_changes_its_inputs_gets_a_note():
    def double(self, inputs):
        inputs *= 1.0001
        return inputs

    (note,) = speed(with_call(double)()).notes

    assert note.startswith("call() changed its inputs in place")
    assert note.endswith("copy them in call()")


def test_a_call_that_uses_its_inputs_up_says_why_a_later_one_fails():
    model = with_call(lambda self, inputs: inputs.pop(), inputs=lambda self, case: [1.0])()

    with pytest.raises(UsageError, match=r"odd: call\(\) changed its inputs in place.*later one failed: IndexError"):
        speed(model)


def test_an_error_of_the_call_itself_stays_as_it_is():
    with pytest.raises(ZeroDivisionError):
        speed(with_call(lambda self, inputs: 1 / 0)())


def test_inputs_that_read_an_undeclared_axis_say_which():
    model = with_call(abs, inputs=lambda self, case: case.parameters["steps"])()

    with pytest.raises(UsageError, match=r"reads the parameter 'steps'; the case has .*call_axes = \(Axis\(\"steps\""):
        inputs_of(model, of(Blur, InferenceSpeedBenchmark))
