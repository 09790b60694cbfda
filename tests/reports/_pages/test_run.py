from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inference_bench.provenance.record import CodeState, Provenance
from inference_bench.result import BenchmarkResult, Failure, Status
from tests.report_parts import RANDOM, RECORD, case, render, speed, summary, words
from tests.reports.conftest import PEOPLE


def test_random_weights_are_an_alarm(name):
    text = render(name, speed(model=RANDOM))

    assert "RANDOM WEIGHTS, NOT TRAINED (seed 0): full architecture" in words(text)


def test_random_weights_of_a_model_that_never_loaded(name):
    failed = BenchmarkResult(case(weights="random"), Status.CRASHED, failure=Failure("died while loading"))

    assert "RANDOM WEIGHTS, NOT TRAINED" in render(name, failed)


def test_a_model_without_weights_is_no_alarm(name):
    weightless = {"weights": {"source": "none", "label": "no weights", "trained": False}}

    assert "RANDOM" not in render(name, speed(model=weightless))


def test_unsupported_quantiles_say_what_they_need(name):
    text = render(name, speed(summaries=(summary(n=5),)))

    assert all(f"needs {count}" in text for count in (6, 36, 368))


def test_unfinished_run_names_what_is_missing(name):
    record = replace(RECORD, finished=False, cases=({"id": "x", "slug": "tiny-missing", "status": "pending"},))
    text = words(render(name, speed(), record=record))

    assert "some planned cases were not measured" in text
    assert "tiny-missing" in text


def test_the_head_tells_commit_and_marks(name):
    code = CodeState("1a2b3c4" + "0" * 33, "main", "repository", 2)
    provenance = Provenance(code, label="nightly", note="is *this* faster?", tags={"pull": "123"})
    text = words(render(name, speed(), record=replace(RECORD, provenance=provenance)))

    assert "commit 1a2b3c4 (2 files changed) · label nightly · pull 123" in text
    assert "is" in text and "faster?" in text
    assert "commit" not in words(render(name, speed()))


def test_a_failed_case_keeps_the_figures_of_its_earlier_runs(name):
    text = render(name, speed(status=Status.OOM, failure=Failure("killed")))

    assert "21.3" in text
    assert "OOM" in text


def test_setups_are_told_apart(name):
    half = replace(speed(), case=case(dtype="bfloat16"), notes=("slow",))
    text = words(render(name, speed(), half))

    assert "· float32 ·" in text
    assert "· bfloat16 ·" in text
    assert "Slow (dtype bfloat16 inference speed)" in text


def test_an_unknown_benchmark_and_metric_get_a_table(name):
    strange = replace(speed(summaries=(summary("warmth", "noon", 12.0),)), case=case(benchmark="sun_light"))
    text = words(render(name, strange))

    assert "Sun light" in text
    assert "warmth" in text
    assert "noon" in text


def test_no_results(name):
    assert "Run 2026" in render(name)


HOSTILE = [
    "[red]",
    "[/red]",
    "[link=x]y",
    "<script>alert(1)</script>",
    "a|b",
    "`x`",
    "\x1b[2J",
    "a\nb",
    "*a*",
    "[a](b)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(name, text):
    hostile = BenchmarkResult(
        case(model=text, benchmark=text),
        Status.FAILED,
        model={"title": text, "weights": {"label": text}},
        notes=(text,),
        failure=Failure(text, stderr_tail=text),
    )
    shown = render(name, hostile)

    assert "\x1b" not in shown
    if name == "console":
        assert " ".join(text.replace("\x1b[2J", "").split()) in shown
    else:
        assert "<" not in shown
        rows = [line for line in shown.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def test_headline_metrics_come_first_in_the_order_of_the_benchmark(name):
    result = speed(headline=("prefill_rate", "ttft"))
    text, as_measured = words(render(name, result)), words(render(name, speed()))

    assert text.index("1,502") < text.index("21.3") < text.index("1.500")
    assert as_measured.index("21.3") < as_measured.index("1.500") < as_measured.index("1,502")


@pytest.mark.parametrize("name", PEOPLE)
def test_a_benchmark_that_never_applies_is_a_line_instead_of_a_table(name):
    cause = Failure("it cannot generate text")
    cases = [speed(status=Status.NOT_APPLICABLE, failure=cause, summaries=()) for _ in range(2)]
    text = words(render(name, *cases))

    assert "Inference speed: not applicable: it cannot generate text" in text
    assert "NOT APPLICABLE" not in text
