from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.trust.case import CASE_RULES, FLOOR_RULES, grade, judged
from inference_bench.analysis.trust.machine import CLOCK_RULES, MACHINE_RULES
from inference_bench.analysis.trust.process import PROCESS_RULES
from inference_bench.analysis.trust.run import RUN_RULES
from inference_bench.analysis.trust.samples import SAMPLE_RULES
from inference_bench.grade import Grade, Severity
from inference_bench.metrics import METRICS
from inference_bench.result import CLIENT_HELD_UP, CLIENT_LIMIT, Estimate, Failure, Status
from tests import layers
from tests.judging import QUIET, RECORD, SECOND, codes, result, summary


def test_an_undisturbed_result_gets_an_a():
    assert grade(result(), RECORD).letter == "A"
    assert codes(result()) == {}


@pytest.mark.parametrize(
    ("of", "code", "letter"),
    [
        (result(status=Status.CRASHED, failure=Failure("SIGSEGV")), "failed", "F"),
        (result(summary(metric="on_schedule", score=Estimate(0.9, 0.8, 0.95))), "off_schedule", "F"),
        (result(notes=(f"{CLIENT_LIMIT}it was late",)), "client_limit", "F"),
        (result(notes=(f"run 2: {CLIENT_LIMIT}it was late",)), "client_limit", "F"),
        (result(notes=(f"run 3: {CLIENT_HELD_UP}it stood still",)), "client_held_up", "B"),
        (result(model={"weights": {"source": "random", "trained": False}}), "random_weights", "B"),
        (result(model={"weights": {"source": "hub", "trained": True, "scale": "reduced"}}), "reduced", "C"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_doubt_about_a_case_is_found_and_graded(of, code, letter):
    assert code in codes(of)
    assert grade(of, RECORD).letter == letter


def test_a_model_without_weights_is_not_a_random_one():
    assert codes(result(model={"weights": {"source": "none", "trained": False}})) == {}


def test_scores_of_random_weights_are_worth_nothing():
    scored = summary(metric="accuracy", quantiles={}, score=Estimate(0.5, 0.4, 0.6, "Wilson score"))

    found = grade(result(scored, model={"weights": {"source": "random", "trained": False}}), RECORD)

    assert found.letter == "F"
    assert found.findings[0].severity is Severity.GRAVE


@pytest.mark.parametrize(("null", "severity"), [(0.5e4, None), (5e4, Severity.MINOR), (2e5, Severity.SERIOUS)])
def test_a_high_floor_is_found(null, severity):
    assert codes(result(), replace(RECORD, floor={"ttft": {"p50": null}})).get("floor") is severity


@pytest.mark.parametrize("metric", METRICS)
def test_the_floor_counts_against_every_metric_but_those_of_the_client(metric):
    of = result(summary(metric=metric))
    value = of.summaries[0].headline.value

    found = codes(of, replace(RECORD, floor={metric: {"p50": value}}))

    assert ("floor" in found) is not METRICS[metric].of_client


def test_two_serious_findings_are_a_d():
    assert grade(result(usage=QUIET | {"steal_ns": SECOND, "cpu_pressure_ns": 2 * SECOND}), RECORD).letter == "D"


def test_a_case_is_judged_once():
    stored = Grade("B", (), rules=0)

    assert judged(result(), RECORD).grade.letter == "A"
    assert judged(result(grade=stored), RECORD).grade is stored
    assert judged(result(status=Status.NOT_APPLICABLE), RECORD).grade is None


def test_every_rule_is_explained():
    page = (layers.ROOT / "docs" / "trust.md").read_text()
    tables = (MACHINE_RULES, CLOCK_RULES, CASE_RULES, SAMPLE_RULES, FLOOR_RULES, PROCESS_RULES, RUN_RULES)

    for rule in (rule for table in tables for rule in table):
        assert rule.consequence
        assert rule.remedy
        assert rule.code.replace("_", " ") in page
