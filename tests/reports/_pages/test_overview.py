from __future__ import annotations

from inference_bench.result import BenchmarkResult, Estimate, Status
from tests.report_parts import case, render, speed, summary, words


def test_setups_stand_side_by_side_with_what_they_gain_and_lose(name):
    right = summary("accuracy_test", "quiz", quantiles={}, score=Estimate(0.5, 0.4, 0.6, "Wilson score"))
    results = [
        speed(),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10.65e6), right)),
        BenchmarkResult(case(model="other"), Status.OK, (summary(median=1e6),)),
    ]
    text = words(render(name, *results))

    assert "Summary" in text
    assert "10.65 ms ×0.50" in text
    assert "TTFT: prefill, input length 32" in text


def test_a_model_with_lengths_of_its_own_is_not_left_out(name):
    results = [
        speed(),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(),)),
        BenchmarkResult(case(1024, model="other"), Status.OK, (summary(median=21.3e6),)),
        BenchmarkResult(case(1024, model="other", dtype="bfloat16"), Status.OK, (summary(median=10.65e6),)),
    ]
    text = words(render(name, *results))

    assert "TTFT: prefill, input length 32" in text
    assert "10.65 ms° ×0.50" in text
    assert "°: measured with the model's own parameters" in text


def test_every_benchmark_has_its_headline_metrics_in_the_summary(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(benchmark, median, **setup):
        of = case(benchmark=benchmark, **setup)
        return BenchmarkResult(of, Status.OK, (summary("call_time", "", median),), headline=("call_time",))

    results = [
        speed(headline=("itl", "ttft")),
        call("tokenise", 3e6),
        call("parse_answer", 5e6),
        BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10.65e6),), headline=("itl", "ttft")),
        call("tokenise", 6e6, dtype="bfloat16"),
    ]
    text = words(render(name, *results))
    columns = ("ITL: decode", "TTFT: prefill", "call, tokenise: input length", "call, parse answer: input length")

    assert sorted(columns, key=text.index) == list(columns)
    assert "6.00 ms ×2.00" in text


def test_memory_stands_for_serving_and_the_load_by_itself(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def held(dtype, load, prefill, decode):
        sizes = {"load": load, "prefill": prefill, "decode": decode}
        found = tuple(summary("rss_peak_hwm", phase, size * 2.0**20) for phase, size in sizes.items())
        return BenchmarkResult(case(dtype=dtype, benchmark="memory_usage"), Status.OK, found)

    text = words(render(name, held("float32", 939, 946, 940), held("bfloat16", 1200, 690, 693)))

    assert "693 MiB ×0.73" in text
    assert "1.172 GiB ×1.28" in text
    assert text.index("serving") < text.index("693 MiB ×0.73")


def test_no_ratio_without_intervals_that_differ(name):
    few = BenchmarkResult(case(dtype="bfloat16"), Status.OK, (summary(median=10e6, n=2),))
    wide = BenchmarkResult(case(dtype="float16"), Status.OK, (summary(median=20e6, reach=0.2),))
    text = words(render(name, speed(), few, wide))

    assert "10.0 ms~" in text
    assert "20.0 ms ×" not in text
    assert "~: too few samples for an interval" in text


def test_a_lone_setup_needs_no_overview(name):
    assert "Summary" not in words(render(name, speed()))
