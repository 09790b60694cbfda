"""Agreement with the reference: figures in closed form, and the benchmark on small networks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.benchmark.accuracy.divergence import compare_logits, first_difference
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks.agreement import AgreementBenchmark
from inference_bench.errors import InvalidValueError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.plan import Case
from inference_bench.spec import Limits, Setup

MODEL = "smollm2_135m_instruct"


def test_divergence_in_closed_form() -> None:
    reference = np.log(np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]], np.float32))
    other = np.log(np.array([[0.25, 0.5, 0.25], [0.8, 0.1, 0.1]], np.float32)) + np.float32(3)
    found = compare_logits(reference, other)
    assert found.top1_agreement == 0.5
    assert found.kl_divergence == pytest.approx((0.5 * math.log(2) - 0.25 * math.log(2)) / 2, rel=1e-6)
    assert found.max_logit_error == pytest.approx(3 + math.log(2), rel=1e-6)


def test_divergence_as_torch_computes_it() -> None:
    import torch

    draw = np.random.default_rng(0)
    reference = draw.normal(size=(7, 50)).astype(np.float32)
    other = reference + draw.normal(scale=0.1, size=(7, 50)).astype(np.float32)
    q, p = (torch.log_softmax(torch.tensor(logits).double(), -1) for logits in (reference, other))
    expected = torch.nn.functional.kl_div(p, q, log_target=True, reduction="batchmean").item()
    assert compare_logits(reference, other).kl_divergence == pytest.approx(expected, rel=1e-9)


def test_equal_logits_do_not_diverge() -> None:
    logits = np.array([[1e4, -1e4, 0]], np.float32)
    found = compare_logits(logits, logits)
    assert (found.top1_agreement, found.kl_divergence, found.max_logit_error) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(("tokens", "place"), [([1, 2, 3], 3), ([9, 2, 3], 0), ([1, 2, 9], 2), ([1, 9, 3], 1)], ids=str)
def test_where_tokens_first_differ(tokens: list[int], place: int) -> None:
    assert first_difference([1, 2, 3], tokens) == place


def measured(setup: Setup) -> Measurement:
    found = load_model(find_models()[MODEL])
    weights = resolve_weights(found, setup, print)
    model = found()
    model.load(setup, weights, LoadSteps())
    measurement = Measurement(Limits(), weights=weights)
    parameters = {"passages": 2, "input_length": 12, "new_tokens": 6}
    AgreementBenchmark().measure(model, Case(MODEL, "agreement", setup, parameters), measurement)
    model.unload()
    return measurement


def values(measurement: Measurement, metric: str) -> list[float]:
    scores = measurement.scores()
    return [value for tag, value in zip(scores["metric"], scores["value"], strict=True) if tag == metric]


def test_the_reference_agrees_with_itself() -> None:
    found = measured(Setup(weights="random", scale="reduced", attention="eager"))
    assert values(found, "top1_agreement") == [1.0, 1.0]
    assert values(found, "kl_divergence") == [0.0, 0.0]
    assert values(found, "max_logit_error") == [0.0, 0.0]
    assert values(found, "first_divergence") == [6.0, 6.0]
    assert found.scores()["item"] == [item for item in ("1", "2") for _ in range(4)]


def test_a_coarser_number_format_is_seen() -> None:
    """The random weights are the same numbers, rounded: what differs is what bfloat16 makes of them."""
    coarse = measured(Setup(weights="random", scale="reduced", dtype="bfloat16"))
    exact = measured(Setup(weights="random", scale="reduced"))
    assert max(values(exact, "max_logit_error")) < 1e-4 < max(values(coarse, "max_logit_error")) < 1
    assert all(0 <= value < 1e-6 for value in values(exact, "kl_divergence"))
    assert all(1e-9 < value < 0.1 for value in values(coarse, "kl_divergence"))


def test_logits_that_are_no_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference_bench.model.engines.transformers.causal_lm_scorer import CausalLMScorer

    monkeypatch.setattr(CausalLMScorer, "logits", lambda self, ids: np.full((len(ids), 4), np.nan, np.float32))
    with pytest.raises(InvalidValueError, match="logits: got 'NaN or infinity', expected finite numbers"):
        measured(Setup(weights="random", scale="reduced"))
