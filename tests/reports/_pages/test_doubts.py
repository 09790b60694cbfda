from __future__ import annotations

from dataclasses import replace

from tests.report_parts import RECORD, render, speed, summary, words


def test_unconverged_is_marked_and_explained(name):
    text = words(render(name, speed(summaries=(summary(converged=False, stop_reason="budget of 30 s spent"),))))

    assert " NO" in text
    assert "Not converged: budget of 30 s spent: inference speed 32 (TTFT)." in text


def test_scope_of_several_runs(name):
    text = words(render(name, speed(summaries=(summary(runs=5, scope="runs"),))))

    assert "5 runs" in text
    assert "the intervals cover fresh processes; 5 were measured" in text


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

    assert "3 of 40 TTFT (inference speed 32)" in text


def test_a_note_of_several_cases_is_said_once(name):
    text = words(render(name, speed(notes=("busy",)), speed(128, notes=("busy",)), speed(512)))

    assert text.count("Busy") == 1
    assert "Busy (inference speed 32; inference speed 128)" in text


def test_every_remark_begins_as_a_sentence():
    text = render("console", speed(notes=("the weights are mapped from their file",)))

    assert "• The weights are mapped from their file" in text
