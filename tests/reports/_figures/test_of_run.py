"""The charts of a run: which there are, what they draw, and what they say of what they leave out."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from inference_bench.analysis.trust.case import judged
from inference_bench.plan import Case
from inference_bench.reports._figures.figure import Shape
from inference_bench.reports._figures.of_run import figures
from inference_bench.result import BenchmarkResult, Status
from inference_bench.results.run import Run, load_run
from inference_bench.spec import Setup
from tests.report_parts import RECORD, case, memory, speed, summary
from tests.reports.html_parts import measured


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("out"))


def figure(found, title):
    return next(figure for figure in found if figure.title.startswith(title))


def points(figure):
    return [point for series in figure.series for point in series.points]


def made(*results):
    return Run(RECORD, tuple(judged(each, RECORD) for each in results))


def setup(dtype, decode, agreement=None, *, length=32, n=40, memory_bytes=None):
    """Return the cases of a set-up with the figures given."""
    rate = summary("decode_rate", "decode", decode, n)
    found = [BenchmarkResult(case(length, dtype=dtype), Status.OK, (rate,), headline=("decode_rate",))]
    if agreement is not None:
        share = summary("top1_agreement", "passages", agreement, n, scope="items")
        of_agreement = case(length, "agreement", dtype=dtype)
        found.append(BenchmarkResult(of_agreement, Status.OK, (share,), headline=("top1_agreement",)))
    if memory_bytes is not None:
        held = tuple(summary("rss_peak_hwm", phase, size, n) for phase, size in memory_bytes.items())
        found.append(
            BenchmarkResult(case(length, "memory_usage", dtype=dtype), Status.OK, held, headline=("rss_peak_hwm",))
        )
    return found


def test_each_kind_of_chart_is_there(run):
    titles = [figure.title for figure in figures(run)]

    for part in ("Prefill tokens/s", "Memory by phase", "TTFT against input length", "Output rate against batch size"):
        assert any(title.startswith(part) for title in titles)
    for part in ("Distribution of TTFT", "Where loading time goes", "Memory over time"):
        assert any(title.startswith(part) for title in titles)


def test_drawn_numbers_are_those_of_the_summaries(run):
    found = figure(figures(run), "TTFT against input length")
    expected = {
        float(r.case.parameters["input_length"]): s.headline
        for r in run.results
        for s in r.summaries
        if r.case.benchmark == "inference_speed" and s.metric == "ttft"
    }
    (series,) = found.series
    divisor = {"[ns]": 1, "[µs]": 1e3, "[ms]": 1e6}[found.y.label.split(",")[0].split()[-1]]

    assert {p.x: p.y * divisor for p in series.points} == {x: pytest.approx(e.value) for x, e in expected.items()}
    # On a busy machine the samples may be worth too few independent ones for an interval; the chart then has none.
    assert {p.x: p.is_sure for p in series.points} == {x: None not in (e.low, e.high) for x, e in expected.items()}


def test_speed_stands_against_agreement_and_memory_with_the_front():
    sizes = {"load": 2e9, "prefill": 1e9, "decode": 1.1e9}
    run = made(
        *setup("float32", 30.0, 0.999, memory_bytes=sizes),
        *setup("bfloat16", 29.0, 0.99, memory_bytes={name: size / 2 for name, size in sizes.items()}),
        *setup("int8_dynamic", 80.0, 0.43, memory_bytes=sizes),
    )
    found = figures(run)
    quality, held = figure(found, "Speed against same"), figure(found, "Speed against memory")

    assert [point.label for point in points(quality)] == ["float32", "bfloat16", "int8_dynamic"]
    assert [point.x for point in points(quality)] == [30.0, 29.0, 80.0]
    assert points(quality)[0].y_ends == pytest.approx((0.994, 1.004), abs=1e-3)
    assert quality.front == ((30.0, 0.999), (80.0, 0.43))
    assert "bfloat16" not in quality.note
    assert held.y.is_flipped  # up is better: less
    assert [point.y for point in points(held)] == pytest.approx([1.1e9 / 2**20, 0.55e9 / 2**20, 1.1e9 / 2**20])
    assert [x for x, _ in held.front] == [29.0, 80.0]


def test_a_set_up_without_both_figures_is_not_in_the_chart_of_both():
    run = made(*setup("float32", 30.0, 0.999), *setup("bfloat16", 29.0, 0.9), *setup("int8_dynamic", 80.0))

    assert [point.label for point in points(figure(figures(run), "Speed against same"))] == ["float32", "bfloat16"]


def test_memory_of_all_set_ups_is_on_one_scale_and_the_load_is_pale():
    sizes = {"load": 2e9, "prefill": 1e9}
    found = figure(
        figures(made(*setup("float32", 1.0, memory_bytes=sizes), *setup("bfloat16", 1.0, memory_bytes=sizes))),
        "Memory by phase",
    )

    assert found.y.names == ("float32", "load", "prefill", "bfloat16", "load", "prefill")
    assert found.y.headings == {0, 3}
    assert [(series.colour, series.is_pale) for series in found.series] == [
        ("c0", True),
        ("c0", False),
        ("c1", True),
        ("c1", False),
    ]


def test_a_set_up_with_one_length_is_a_point_and_a_lone_observation_is_hollow():
    def of(dtype, length, n):
        return BenchmarkResult(
            case(length, dtype=dtype), Status.OK, (summary("tpot", "decode", 2e6, n),), headline=("tpot",)
        )

    found = figure(figures(made(of("float32", 32, 40), of("float32", 128, 1), of("bfloat16", 32, 40))), "TPOT against")

    assert {series.name: [point.is_sure for point in series.points] for series in found.series} == {
        "float32": [True, False],
        "bfloat16": [True],
    }
    assert "Hollow, dashed" in found.note


def test_a_set_up_has_one_colour_in_all_charts():
    run = made(
        *setup("float32", 30.0, 0.999),
        *setup("bfloat16", 29.0, 0.9),
        *setup("float32", 30.0, length=64),
        *setup("bfloat16", 29.0, length=64),
    )
    colours = {}
    for found in figures(run):
        for series in found.series:
            for point in series.points:
                colours.setdefault(point.text.split(":")[0], set()).add(series.colour)

    assert colours == {"float32": {"c0"}, "bfloat16": {"c1"}}


def test_legends_name_only_what_differs(run):
    found = figures(run)

    assert figure(found, "TTFT against").legend == []
    assert [s.name for s in figure(found, "Distribution of TTFT").legend] == ["16 tokens", "64 tokens"]


def test_shares_stand_by_task():
    found = figure(figures(made(*setup("float32", 30.0, 0.999), *setup("bfloat16", 29.0, 0.9))), "Shares of items")

    assert found.y.names == ("passages, same likeliest token, 40 items", "float32", "bfloat16")
    assert found.y.headings == {0}
    assert (found.x.low, found.x.high) == (0.0, 1.0)


def test_a_curve_has_at_most_two_hundred_points_and_one_more_for_its_foot(run):
    curves = [s for f in figures(run) for s in f.series if s.shape in (Shape.STEPS, Shape.CURVE)]

    assert curves
    assert max(len(series.points) for series in curves) <= 201


def test_memory_has_a_row_a_phase_and_the_time_outside_of_any_is_not_the_phases_before(run):
    found = [f for f in figures(run) if f.title.startswith("Memory over time")]
    phases = [row[1].text for rows in found[0].data.sections for row in rows]

    assert len(found) == 1
    assert len(phases) == len(set(phases))
    assert "load" in phases
    assert "" not in phases


def test_what_is_left_out_of_a_chart_is_said(run):
    first = next(r for r in run.results if r.case.parameters.get("input_length") == 16)
    last = next(r for r in run.results if r.case.parameters.get("input_length") == 64)
    many = [replace(r, case=replace(r.case, model=f"m{place}"), model={}) for place in range(10) for r in (first, last)]
    found = figure(figures(replace(run, results=tuple(many), files={})), "TTFT against")

    assert [series.name for series in found.series] == [f"m{place}" for place in range(8)]
    assert found.note.endswith("Not drawn: 2 more.")


def test_a_missing_file_costs_its_chart_only(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    shutil.rmtree(folder / "samples")

    titles = [figure.title for figure in figures(load_run(folder))]
    assert not any("Distribution" in title for title in titles)
    assert any("Memory over time" in title for title in titles)


def test_a_run_stored_before_headlines_were_recorded_has_charts():
    assert [figure.title for figure in figures(made(speed(32), speed(64), memory()))]


def test_of_several_lengths_each_set_up_has_one_line_along_batch_sizes():
    def of(dtype, length, size):
        rate = summary("output_throughput", "", 10.0 * size)
        measured_case = Case(
            "tiny", "batch_processing", Setup(dtype=dtype), {"batch_size": size, "input_length": length}
        )
        return BenchmarkResult(measured_case, Status.OK, (rate,), headline=("output_throughput",))

    results = [of(d, length, size) for d in ("float32", "bfloat16") for length in (32, 128) for size in (1, 4)]
    found = figure(figures(made(*results)), "Output rate against batch size")

    assert found.title == "Output rate against batch size, 128 tokens, batch processing"
    assert [(s.name, [p.x for p in s.points]) for s in found.series] == [("float32", [1, 4]), ("bfloat16", [1, 4])]


def test_a_function_without_rates_has_bars_of_its_call_time():
    def of(threads, value):
        call = summary("call_time", "", value)
        return BenchmarkResult(case(benchmark="work", threads=threads), Status.OK, (call,), headline=("call_time",))

    found = figure(figures(made(of(1, 2e6), of(2, 1e6))), "Call, work")

    assert [point.x for point in points(found)] == [2.0, 1.0]
    assert found.x.label == "call [ms], shorter is faster"


def test_of_many_set_ups_only_those_on_the_front_have_a_name_beside_them():
    results = [each for n in range(12) for each in setup("float32", 30.0 + n, 0.9 - 0.01 * (n != 11))]
    many = [replace(r, case=replace(r.case, model=f"m{place // 2}")) for place, r in enumerate(results)]
    found = figure(figures(made(*many)), "Speed against same")

    assert [point.label for point in points(found) if point.label] == ["m11"]
    assert all(point.text for point in points(found))


def test_a_phase_that_the_sampler_missed_makes_no_chart_of_its_own(run, tmp_path):
    import pyarrow.parquet as pq

    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    first = sorted((folder / "memory").iterdir())[0]
    table = pq.read_table(first)
    pq.write_table(table.filter([phase != "prefill" for phase in table.column("phase").to_pylist()]), first)

    assert len([f for f in figures(load_run(folder)) if f.title.startswith("Memory over time")]) == 1
