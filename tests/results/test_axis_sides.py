"""Sides from the values of an axis within a run."""

from __future__ import annotations

import pytest

from inference_bench import testing
from inference_bench.analysis.comparison_result import Verdict
from inference_bench.errors import UnknownNameError, UsageError
from inference_bench.results.axis_sides import split_by_axis
from inference_bench.results.run_comparison import ComparisonOptions, compare_runs
from inference_bench.spec import Setup

MS = 1_000_000


def result(dtype="float32", ms=10.0, length=32, threads=2, runs=6, benchmark="inference_speed", **axes):
    """Return a case whose run medians lie close around ``ms``."""
    parameters = axes or {"input_length": length}
    case = testing.make_case(benchmark=benchmark, setup=Setup(dtype=dtype, threads=threads), **parameters)
    values = [[round(ms * MS * (1 + number / 2000))] * 40 for number in range(runs)]
    return testing.make_result({"ttft": values}, case=case)


@pytest.fixture
def run(tmp_path):
    """Three dtypes at two lengths."""
    times = {"float32": 20.0, "bfloat16": 10.0, "int8_dynamic": 30.0}
    results = [result(dtype, ms * length / 32, length) for dtype, ms in times.items() for length in (32, 64)]
    return testing.write_run(tmp_path, *results)


def compared(runs, axis, baseline=None):
    found = split_by_axis(runs, axis, baseline)
    options = ComparisonOptions(paired=False, by=found.field, in_rounds=found.in_rounds)
    return compare_runs(found.sides, options).compared


def test_each_value_is_compared_with_the_first_and_matched_on_everything_else(run):
    first, second = compared([run], "dtype")

    assert [(of.before, of.after) for of in (first, second)] == [
        ("dtype=float32", "dtype=bfloat16"),
        ("dtype=float32", "dtype=int8_dynamic"),
    ]
    assert first.differing == {"dtype": ("float32", "bfloat16")}
    assert [row.verdict for row in first.rows] == [Verdict.BETTER] * 2
    assert [row.verdict for row in second.rows] == [Verdict.WORSE] * 2
    assert all(row.before.parameters == row.after.parameters for row in (*first.rows, *second.rows))
    assert [row.change for row in first.rows] == pytest.approx([-0.5, -0.5], abs=0.01)


def test_processes_are_replicates_but_no_pairs(run):
    first, _ = compared([run], "dtype")

    assert {row.replicate for row in first.rows} == {"run"}
    assert {row.runs for row in first.rows} == {(6, 6)}
    assert first.in_rounds
    assert not first.paired


@pytest.mark.parametrize("given", ["bfloat16", "dtype=bfloat16"])
def test_the_baseline_can_be_named(run, given):
    found = compared([run], "dtype", given)

    assert [of.before for of in found] == ["dtype=bfloat16"] * 2
    assert [of.after for of in found] == ["dtype=float32", "dtype=int8_dynamic"]


def test_a_parameter_of_a_benchmark_is_an_axis_and_cases_without_it_are_told(tmp_path):
    run = testing.write_run(tmp_path, result(length=32), result(length=64, ms=20.0), result(benchmark="other", batch=1))
    told = []

    found = split_by_axis([run], "input_length", problem=told.append)
    (only,) = compared([run], "input_length")

    assert [side.name for side in found.sides] == ["input_length=32", "input_length=64"]
    assert told == ["not compared: 1 case of other without input_length"]
    assert only.rows[0].change == pytest.approx(1.0, abs=0.01)


def test_what_differs_besides_the_axis_is_not_compared(tmp_path):
    run = testing.write_run(tmp_path, result("float32", threads=1), result("bfloat16", threads=2))

    (only,) = compared([run], "dtype")

    assert only.rows == ()
    assert [line.partition(":")[0] for line in only.unmatched] == ["only in dtype=float32", "only in dtype=bfloat16"]


def test_several_runs_count_together_and_only_a_run_of_all_values_is_in_rounds(tmp_path):
    runs = [testing.write_run(tmp_path, result(dtype, ms)) for dtype, ms in (("float32", 10.0), ("bfloat16", 11.0))]
    both = testing.write_run(tmp_path, result("float32"), result("bfloat16"))

    (only,) = compared(runs, "dtype")
    (more,) = compared([*runs, both], "dtype")

    assert not only.in_rounds
    assert only.rows[0].verdict is Verdict.WORSE
    assert not more.in_rounds
    assert more.rows[0].runs == (12, 12)


def test_too_few_processes_say_how_to_get_more(tmp_path):
    run = testing.write_run(tmp_path, result("float32", runs=1), result("bfloat16", runs=1))

    (only,) = compared([run], "dtype")

    assert only.rows[0].reason == "cannot tell from 1 and 1 runs: needs 3 each (`run --runs 3`)"


@pytest.mark.parametrize(
    ("axis", "baseline", "kind", "said"),
    [
        ("threads", None, UsageError, "--by threads: every case has 2, expected two values or more."),
        (
            "threads",
            None,
            UsageError,
            "several values: dtype (float32, bfloat16, int8_dynamic); input_length (32, 64)",
        ),
        ("dtpye", None, UnknownNameError, "unknown axis 'dtpye': did you mean 'dtype'? Known: dtype, input_length."),
        ("benchmark", None, UnknownNameError, "unknown axis 'benchmark'"),
        ("dtype", "float16", UsageError, "expected a value that dtype has here: float32, bfloat16, int8_dynamic"),
    ],
)
def test_what_cannot_be_split_is_refused_in_a_line(run, axis, baseline, kind, said):
    with pytest.raises(kind) as error:
        split_by_axis([run], axis, baseline)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_without_any_axis_of_several_values_the_error_says_how_to_get_one(tmp_path):
    run = testing.write_run(tmp_path, result())

    with pytest.raises(UsageError, match=r"No axis has several; `run --dtype float32,bfloat16` gives one two\."):
        split_by_axis([run], "dtype")
