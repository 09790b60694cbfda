"""A prediction held against a measurement."""

from __future__ import annotations

import pytest

from inference_bench.analysis.advice.intervals import between
from inference_bench.analysis.advice.proof import ProofVerdict, prove, verdict_of
from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.plan import Case
from inference_bench.spec import Setup
from tests.advised import advised
from tests.analysis.advice.test_rules import decode

CASE = Case("tiny", "inference_speed", Setup(), {})


def row(change, low, high, metric="itl"):
    return Comparison(
        before=CASE,
        after=CASE,
        metric=metric,
        phase="decode",
        verdict=Verdict.BETTER,
        values=(1.0, 1 + change),
        runs=(6, 6),
        replicate="pair",
        relative=True,
        change=change,
        low=low,
        high=high,
        margin=0.01,
    )


def proven(*rows, failure="", change="dtype=bfloat16"):
    (experiment,) = (each for each in advised(decode(6)).experiments if each.change == change)
    return prove("c", experiment, rows, level=0.95, folder="f", measured_utc="2026-11-27", failure=failure)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (between(1.7, 1.8), ProofVerdict.HOLDS),
        (between(1.5, 1.62), ProofVerdict.HOLDS),
        (between(1.4, 1.5), ProofVerdict.REFUTED),
        (between(2.0, 2.1), ProofVerdict.REFUTED),
        (between(1.2, 2.4), ProofVerdict.OPEN),
        (None, ProofVerdict.OPEN),
    ],
)
def test_intervals_that_meet_hold_and_those_apart_refute(measured, verdict):
    assert verdict_of(between(1.6, 1.9), measured)[0] is verdict


def test_a_narrow_prediction_may_be_judged_by_an_interval_of_ten_per_cent():
    assert verdict_of(between(0.99, 1.01), between(0.96, 1.04))[0] is ProofVerdict.HOLDS
    assert verdict_of(between(0.99, 1.01), between(0.9, 1.1))[0] is ProofVerdict.OPEN


def test_a_shorter_time_is_a_speed_up():
    proof = proven(row(-0.45, -0.47, -0.43))

    assert proof.verdict is ProofVerdict.HOLDS
    assert proof.measured is not None
    assert proof.measured.low == pytest.approx(1 / 0.57)
    assert proof.measured.high == pytest.approx(1 / 0.53)
    assert proof.sentence.endswith("measured ×1.82 [1.75, 1.89]: holds")


def test_the_rows_of_a_batch_count_as_work():
    proof = proven(row(0.5, 0.4, 0.6), change="batch_size=4")

    assert proof.measured is not None
    assert proof.measured.low == pytest.approx(4 / 1.6)


def test_without_a_row_of_the_metric_the_failure_is_the_reason():
    proof = proven(row(-0.5, -0.5, -0.5, metric="ttft"), failure="the candidate crashed")

    assert (proof.verdict, proof.reason) == (ProofVerdict.OPEN, "the candidate crashed")


def test_too_few_pairs_say_so():
    proof = proven(row(-0.5, None, None))

    assert (proof.verdict, proof.reason) == (ProofVerdict.OPEN, "6 pairs without an interval")
