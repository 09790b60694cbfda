from __future__ import annotations

import pytest

from inference_bench.analysis.batch_knee import gains, knee, knee_remarks
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Status, Summary
from inference_bench.spec import Setup


def exact(value):
    return Estimate(value, value, value)


def curve(*throughputs):
    return [(1 << i, exact(value)) for i, value in enumerate(throughputs)]


def result(batch_size, throughput=None, status=Status.OK, reach=0.0, **setup):
    estimate = throughput and Estimate(throughput, throughput * (1 - reach), throughput * (1 + reach))
    summary = Summary(
        metric="output_throughput",
        phase="",
        n=30,
        runs=1,
        scope="run",
        level=0.95,
        cold=None,
        minimum=1.0,
        maximum=1.0,
        mean=1.0,
        quantiles={"p50": estimate},
        autocorrelation=None,
        effective_n=30.0,
        outliers_mild=0,
        outliers_severe=0,
        converged=True,
        stop_reason="",
    )
    case = Case("tiny", "batch_processing", Setup(**setup), {"batch_size": batch_size, "input_length": 128})
    return BenchmarkResult(case, status, (summary,) if throughput else ())


@pytest.mark.parametrize(
    ("throughputs", "expected"),
    [
        ((10, 20, 40, 43, 44), 4),
        ((10, 20, 40, 80), None),
        ((10, 10.5, 10.6), 1),
        ((10, 20, 19, 30, 31), 8),  # a dip that recovers is noise, not the knee
        ((10, 20, 30, 25), 4),  # losing is past the knee
        ((10,), None),
    ],
)
def test_the_knee_is_where_no_later_doubling_pays(throughputs, expected):
    assert knee(gains(curve(*throughputs))) == expected


def test_a_gain_counts_per_doubling_whatever_the_step():
    (step,) = gains([(16, exact(40)), (1, exact(10))])

    assert (step.smaller, step.larger) == (1, 16)
    assert step.value == pytest.approx(4 ** (1 / 4) - 1)


def test_the_interval_of_a_gain_is_the_worst_and_the_best_case():
    (step,) = gains([(1, Estimate(10, 9, 11)), (2, Estimate(15, 14, 16))])

    assert (step.low, step.high) == (pytest.approx(14 / 11 - 1), pytest.approx(16 / 9 - 1))


def test_a_gain_without_intervals_has_none():
    (step,) = gains([(1, Estimate(10, None, None)), (2, Estimate(15, 14, 16))])

    assert (step.low, step.high) == (None, None)


def test_the_remark_names_the_knee_the_gain_and_the_end_of_memory():
    results = [
        result(1, 100),
        result(2, 190),
        result(4, 195),
        result(8, status=Status.OOM),
        result(16, status=Status.OOM),
    ]

    assert knee_remarks(results) == [
        "Knee of tiny (input length 128): batch size 2; from there to 4 doubling gains 3% [3%, 3%], less than 10%; "
        "batch size 8 ran out of memory."
    ]


def test_the_remark_says_where_the_intervals_leave_the_knee_open():
    (remark,) = knee_remarks([result(1, 100, reach=0.1), result(2, 105, reach=0.1)])

    assert remark.endswith("less than 10%, though the intervals allow for more.")


def test_without_a_knee_the_remark_says_how_far_was_looked():
    assert knee_remarks([result(1, 100), result(2, 150)]) == [
        "Knee of tiny (input length 128): none up to batch size 2, where doubling still gains 50% [50%, 50%]."
    ]


def test_each_setup_has_its_own_knee_named_by_what_differs():
    results = [result(n, 100 * n, dtype=dtype) for dtype in ("float32", "bfloat16") for n in (1, 2)]

    assert [remark.split(":")[0] for remark in knee_remarks(results)] == [
        "Knee of tiny (dtype float32, input length 128)",
        "Knee of tiny (dtype bfloat16, input length 128)",
    ]


def test_other_benchmarks_and_single_points_have_no_remark():
    other = BenchmarkResult(Case("tiny", "inference_speed", Setup(), {"input_length": 8}), Status.OK)

    assert knee_remarks([other, result(1, 100)]) == []
