"""The advice in a run's folder: its section, its chart of predictions, and the roofline by the ceilings it holds."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from inference_bench.analysis.advice.advice import Advice, CaseAdvice, ClassFinding, Experiment, Outcome
from inference_bench.analysis.advice.proof import Proof, ProofVerdict
from inference_bench.ceilings import Ceilings, Interval, MatmulRate, ReadBandwidth
from inference_bench.demands import Demands
from inference_bench.reports._figures import predictions, roofline
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.run_advice import advice_page
from inference_bench.results.advice_file import ADVICE, StoredAdvice, write_advice
from inference_bench.testing import make_case, make_result, write_run
from inference_bench.units import NS_PER_MS
from tests.report_parts import render, speed, summary

GIGA = 1e9
CASE = make_case(input_length=32, new_tokens=4, view="steps")
DEMANDS = Demands(
    weight_bytes=400_000_000,
    kv_bytes_per_position=1_000,
    multiplied_parameters=90_000_000,
    head_parameters=10_000_000,
    attention_flops_per_pair=0,
)
EXPERIMENT = Experiment(
    "dtype=bfloat16",
    "dtype=float32",
    "memory_bound",
    "decode",
    "itl",
    Interval(1.7, 1.6, 1.9),
    "half the bytes",
    ("ab", "x"),
)
PROOF = Proof(
    CASE.id, EXPERIMENT, ProofVerdict.HOLDS, Interval(1.71, 1.68, 1.74), 8, 0.95, "proof", "2026-01-01T00:00:00+00:00"
)
CEILINGS = Ceilings(
    "abc",
    "cpu",
    "2026-01-01T00:00:00+00:00",
    (ReadBandwidth(2, 400_000_000, Interval(10 * GIGA, 9 * GIGA, 11 * GIGA)),),
    (MatmulRate("float32", 2, Interval(100 * GIGA, 95 * GIGA, 105 * GIGA)),),
    Interval(1000, 900, 1100),
)


def rate(metric, value):
    return replace(summary("ttft", "", value), metric=metric)


@pytest.fixture
def run(tmp_path):
    """Return a run whose decode reaches 4 GFLOP/s, with the advice that follows."""
    result = make_result({"itl": [[50 * NS_PER_MS] * 40]}, case=CASE, phases={"itl": "decode"})
    rates = {"decode_flop_rate": 2e8, "achieved_bandwidth": 4e8}
    result = replace(
        result,
        summaries=(*result.summaries, rate("decode_flop_rate", 4 * GIGA), rate("achieved_bandwidth", 8 * GIGA)),
        model={**result.model, "demands": asdict(DEMANDS)},
        workers=tuple({**worker, "rates": rates} for worker in result.workers),
    )
    return write_run(tmp_path, result)


@pytest.fixture
def advised(run):
    finding = ClassFinding("memory_bound", "memory-bound", "decode", "itl", Outcome.HOLDS, "MBU 0.8 [0.78, 0.82] <b>")
    advice = Advice("run", "abc", CEILINGS.measured_utc, 1, (CaseAdvice(CASE, (finding,), (EXPERIMENT,)),))
    write_advice(run.folder, StoredAdvice(advice, (CEILINGS,), (PROOF,)))
    return run


def test_a_point_of_the_roofline_is_what_a_step_reaches_by_what_it_reads(advised):
    (figure,) = roofline.figures(advised, Setups(advised.results))
    roof, lower, upper, decode = figure.series

    assert (decode.name, decode.points[0].x, decode.points[0].y) == ("decode", 0.5, 4.0)
    assert roof.points[1].x == pytest.approx(10)
    assert [point.y for point in roof.points] == [pytest.approx(roof.points[0].x * 10), *[pytest.approx(100)] * 2]
    assert [(each.points[0].y / each.points[0].x, each.points[-1].y) for each in (lower, upper)] == [
        (pytest.approx(9), pytest.approx(95)),
        (pytest.approx(11), pytest.approx(105)),
    ]
    assert figure.x.is_log
    assert figure.y.is_log
    assert "10 [9, 11] GB/s" in figure.note
    assert "100 [95, 105] GFLOP/s" in figure.note


def test_a_prediction_is_a_band_and_its_measurement_a_point(advised):
    (figure,) = predictions.figures(advised, Setups(advised.results))
    predicted, measured = figure.series

    assert (predicted.points[0].start, predicted.points[0].x) == (1.6, 1.9)
    assert (measured.points[0].x, measured.points[0].x_ends) == (1.71, (1.68, 1.74))
    assert [cell.text for cell in figure.data.sections[0][0]] == [
        "dtype=bfloat16, decode",
        "×1.70 [1.60, 1.90]",
        "×1.71 [1.68, 1.74]",
        "holds",
    ]


def test_the_section_has_findings_experiments_and_proofs_escaped(advised):
    text = render("html", run=advised)

    assert '<section id="advice"><h2>Advice</h2>' in text
    assert "MBU 0.8 [0.78, 0.82] &lt;b&gt;" in text
    assert "measured ×1.71 [1.68, 1.74]: holds" in text


def test_without_advice_one_line_says_what_gives_it(run):
    page = advice_page(run)

    assert page is not None
    assert f"advise {run.record.id}" in page.lines[0].text
    assert list(roofline.figures(run, Setups(run.results))) == []
    assert list(predictions.figures(run, Setups(run.results))) == []


def test_a_run_whose_demands_are_unknown_has_no_section(tmp_path):
    assert advice_page(write_run(tmp_path, speed())) is None


def test_damaged_advice_is_said_and_the_report_written(run):
    (run.folder / ADVICE).write_text("{")

    assert ADVICE in advice_page(run).lines[0].text
    assert "Delete it and run" in render("html", run=run)
