from __future__ import annotations

from dataclasses import replace

from inference_bench.analysis.trust.grade import graded
from inference_bench.grade import Finding, Severity
from inference_bench.result import Estimate
from tests.report_parts import RECORD, render, speed, summary, words


def test_unconverged_is_marked_and_explained(name):
    text = words(render(name, speed(summaries=(summary(converged=False, stop_reason="budget of 30 s spent"),))))

    assert " NO" in text
    assert "Not converged: budget of 30 s spent: inference speed (TTFT)." in text


def test_what_the_figures_are_good_for(name):
    wide = summary(runs=5, scope="runs", quantiles={"p50": Estimate(21.3e6, 20.0e6, 22.0e6)})
    text = words(render(name, speed(), speed(128, summaries=(wide,))))

    # 1.3 of 21.3 ms, and 0.1 of 21.3 ms in the only process of the other case.
    assert "Good to ±6.1 % over 5 fresh processes; between two such runs a change below 9.9 % cannot be seen" in text
    assert "Good to ±0.5 % over this one process; a fresh one may differ by more (--runs)." in text


def test_the_widest_interval_is_named(name):
    wide = summary(quantiles={"p50": Estimate(21.3e6, 20.0e6, 22.0e6)})

    assert "Good to ±6.1 % over this one process (widest: TTFT, inference speed, 128 tokens)" in words(
        render(name, speed(), speed(128, summaries=(wide,)))
    )


def test_a_figure_without_an_interval_is_named(name):
    bare = summary(quantiles={"p50": Estimate(21.3e6, None, None, needs=6)})

    text = words(render(name, speed(), speed(128, summaries=(bare,))))
    assert "How good is unknown, for want of an interval: TTFT, inference speed, 128 tokens." in text


def test_the_main_reason_of_a_grade_is_given_once_with_a_sign_of_its_cause(name):
    grades = [
        graded(
            [
                Finding("not_converged", Severity.SERIOUS, "it rambled", "c", "r"),
                Finding("contention", Severity.SERIOUS, "some task waited", "c", "r"),
                Finding("page_faults", Severity.MINOR, "many", "c", "r"),
            ]
        ),
        graded([Finding("virtual", Severity.MINOR, "a guest", "c", "r")]),
    ]
    text = words(render(name, *(speed(length, grade=of) for length, of in zip((32, 128), grades, strict=True))))

    assert (
        "Grades B to C. Main reason: busy machine: some task waited (inference speed, 32 tokens). Effect: samples"
        in text
    )
    assert "Other findings, which check explains: page faults, virtual." in text.replace("`", "")
    assert "it rambled" not in text


def test_floor_is_set_against_the_smallest_median(name):
    assert "TTFT 900 ns, at most 0.004 % of a median above" in words(render(name, speed()))


def test_a_tiny_share_of_the_harness_is_no_power_of_ten(name):
    record = replace(RECORD, floor={"ttft": {"p50": 0.0064}})

    assert "less than 0.001 % of a median above" in words(render(name, speed(), record=record))


def test_a_missing_floor_is_said(name):
    assert "Harness floor: not measured" in words(render(name, speed(), record=replace(RECORD, floor={})))


def test_clock_trouble_is_said(name):
    record = replace(RECORD, clock={"source": "tsc", "suspends": 1, "backwards": 0, "drift": True})

    assert "Clock trouble while measuring: 1 suspends, drift." in words(render(name, speed(), record=record))


def test_severe_outliers_are_counted(name):
    text = words(render(name, speed(summaries=(summary(outliers_severe=3),))))

    assert "3 of 40 TTFT (inference speed)" in text


def test_a_note_of_several_cases_is_said_once(name):
    text = words(render(name, speed(notes=("busy",)), speed(128, notes=("busy",)), speed(512)))

    assert text.count("Busy") == 1
    assert "Busy (inference speed, 32 tokens; inference speed, 128 tokens)" in text


def test_every_remark_begins_as_a_sentence():
    text = render("console", speed(notes=("the weights are mapped from their file",)))

    assert "• The weights are mapped from their file" in text
