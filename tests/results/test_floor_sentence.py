"""What is said of the A/A floor: never that it is low where it was not measured."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.margin import no_aa_floor
from inference_bench.analysis.observations import Observations, Side
from inference_bench.metrics import METRICS
from inference_bench.plan import Case
from inference_bench.results.floor_sentence import floor_sentence
from inference_bench.results.noise_store import Noise
from inference_bench.spec import Setup

NOW = datetime(2030, 1, 31, tzinfo=UTC)


def case(benchmark):
    return Case("tiny", benchmark, Setup(), {})


def noise(spread, *slots):
    pairs = 1e6 * np.exp(np.random.default_rng(1).normal(0, spread, (12, 2)))
    return Noise(NOW.isoformat(), 1, {slot: {case(slot[0]).id: (pairs,)} for slot in slots})


def compared(floor, *slots, scores=None):
    values = {("s", number): 1e6 + number for number in range(8)}

    def side(name):
        seen = [Observations(case(benchmark), metric, phase, values) for benchmark, metric, phase in slots]
        scored = [Observations(case("accuracy"), "accuracy", "task", scores=scores)] if scores else []
        return Side(name, (*seen, *scored))

    return [compare(side("A"), side("B"), floor=floor)]


TTFT, ITL, CALL = (
    ("inference_speed", "ttft", "prefill"),
    ("inference_speed", "itl", "decode"),
    ("work", "call_time", ""),
)


def test_a_benchmark_without_a_floor_is_named():
    known = noise(0.001, CALL)
    said = floor_sentence(known, compared(known.floor(paired=False), TTFT, ITL, CALL), NOW)

    assert "Not measured for inference speed (TTFT, ITL)." in said
    assert "Never above the requested margin where it was measured." in said


def test_nothing_is_said_of_the_margin_if_nothing_compared_has_a_floor():
    known = noise(0.001, CALL)
    said = floor_sentence(known, compared(known.floor(paired=False), TTFT), NOW)

    assert "margin" not in said
    assert "Not measured for inference speed (TTFT)." in said


@pytest.mark.parametrize("knew", [True, False])
def test_a_high_floor_is_named_also_if_it_was_measured_just_now(knew):
    known = noise(0.05, CALL, TTFT)
    said = floor_sentence(known, compared(known.floor(paired=False) if knew else no_aa_floor, CALL), NOW)

    assert "Above the requested margin for work (call)." in said
    assert "Never" not in said
    assert "Not measured" not in said


def test_scores_of_items_need_no_floor():
    known = noise(0.001, CALL)
    scores = {f"q{number}": (float(number % 2), 1.0) for number in range(20)}

    assert "accuracy" not in floor_sentence(known, compared(known.floor(paired=False), CALL, scores=scores), NOW)


@pytest.mark.parametrize("metric", [of for of in METRICS.values() if of.derived_from is None], ids=lambda of: of.tag)
def test_every_metric_that_has_no_floor_is_named(metric):
    said = floor_sentence(noise(0.001, CALL), compared(no_aa_floor, ("b", metric.tag, "")), NOW)

    assert f"Not measured for b ({metric.title})." in said
