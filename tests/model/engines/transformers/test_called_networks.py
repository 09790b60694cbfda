"""Classifiers, image classifiers and speech recognition: one call, its inputs, and each benchmark of a call."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmark.named_arrays import named_arrays
from inference_bench.benchmarks.agreement import AgreementBenchmark
from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.errors import InvalidValueError
from inference_bench.plan import Case
from inference_bench.spec import Setup
from inference_bench.testing import QUICK
from tests.factories import measured
from tests.tiny_models import WEIGHTS, loaded, tiny_class

PARAMETERS = {"batch_size": 2, "input_length": 12, "new_tokens": 5}


def case(seed=0, **parameters):
    return Case("tiny", "inference_speed", Setup(seed=seed), PARAMETERS | parameters)


@pytest.mark.parametrize(
    ("architecture", "outputs"),
    [
        ("BertForSequenceClassification", {"logits": (2, 3)}),
        ("BertForTokenClassification", {"logits": (2, 12, 2)}),
        ("BertForQuestionAnswering", {"start_logits": (2, 12), "end_logits": (2, 12)}),
        ("GPT2ForSequenceClassification", {"logits": (2, 2)}),
        ("ViTForImageClassification", {"logits": (2, 2)}),
        ("ResNetForImageClassification", {"logits": (2, 2)}),
        ("WhisperForConditionalGeneration", {"tokens": (2, 5)}),
    ],
)
def test_a_call_has_the_outputs_of_its_head(architecture, outputs):
    model = loaded(architecture)
    found = named_arrays(model.call(model.inputs(case())))

    assert {name: found[name].shape for name in outputs} == outputs
    assert model.describe()["architecture"] == architecture


def test_a_head_is_what_transformers_computes():
    import torch
    from transformers import BertForSequenceClassification

    model = loaded("BertForSequenceClassification")
    inputs = model.inputs(case())

    assert isinstance(model.network, BertForSequenceClassification)
    with torch.inference_mode():
        expected = model.network(input_ids=inputs["input_ids"], attention_mask=torch.ones_like(inputs["input_ids"]))
    assert torch.allclose(model.call(inputs).logits, expected.logits, atol=1e-6)


def test_a_spectrogram_is_written_down_to_the_last_token():
    model = loaded("WhisperForConditionalGeneration")

    assert model.inputs(case())["input_features"].shape == (2, 20, 100)
    assert named_arrays(model.call(model.inputs(case(new_tokens=9))))["tokens"].shape == (2, 9)


@pytest.mark.parametrize(
    "architecture",
    ["BertForSequenceClassification", "ViTForImageClassification", "WhisperForConditionalGeneration"],
)
def test_inputs_follow_the_seed_and_are_the_same_in_every_dtype(architecture):
    one, other = (named_arrays(loaded(architecture).inputs(case(seed))) for seed in (1, 2))
    half = named_arrays(loaded(architecture, Setup(dtype="bfloat16")).inputs(case(1)))
    (name,) = one

    assert not np.allclose(one[name], other[name])
    assert np.allclose(one[name], half[name], rtol=2**-7)


def test_a_length_beyond_the_positions_is_refused_before_anything_is_loaded():
    model = tiny_class("BertForSequenceClassification")

    assert {axis.name: axis.default for axis in InferenceSpeedBenchmark.axes_for(model)}["input_length"] == (64,)
    with pytest.raises(InvalidValueError, match="input length: got 65, expected at most 64"):
        InferenceSpeedBenchmark().check(
            model, Case("tiny", "inference_speed", Setup(), {"view": "call", "input_length": 65})
        )


@pytest.mark.parametrize(
    ("architecture", "metric"),
    [
        ("BertForSequenceClassification", "output_error"),
        ("ViTForImageClassification", "output_error"),
        ("WhisperForConditionalGeneration", "same_values"),
    ],
)
def test_rows_of_a_batch_are_as_alone(architecture, metric):
    measurement = measured(BatchProcessingBenchmark(), loaded(architecture), **{**PARAMETERS, "batch_size": 4})
    scores = measurement.scores()

    assert set(scores["metric"]) == {metric}
    assert len(scores["value"]) == 4
    assert all(value == 1 if metric == "same_values" else value < 1e-5 for value in scores["value"])


def test_the_agreement_of_a_head_in_half_precision():
    setup = Setup(dtype="bfloat16", weights="random", scale="reduced")
    model = loaded("BertForSequenceClassification", setup)
    measurement = Measurement(QUICK, weights=WEIGHTS)
    AgreementBenchmark().measure(model, Case("tiny", "agreement", setup, {**PARAMETERS, "inputs": 1}), measurement)
    scores = dict(zip(measurement.scores()["metric"], measurement.scores()["value"], strict=True))

    assert set(scores) == {"output_error", "max_output_error", "cosine_distance", "top1_class"}
    assert 0 < scores["output_error"] < 0.05
