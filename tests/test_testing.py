from __future__ import annotations

import pytest

from inference_bench import testing
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.model.load_steps import LoadStep, LoadSteps
from inference_bench.result import Status
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_S


def test_a_fake_clock_moves_only_when_it_is_told_to():
    clock = testing.FakeClock(100)

    assert (clock(), clock()) == (100, 100)
    clock.advance(7)
    assert clock() == 107


def test_a_fake_clock_can_move_on_with_each_reading():
    clock = testing.FakeClock(0, step_ns=5)

    assert [clock() for _ in range(3)] == [0, 5, 10]


def test_a_fake_clock_never_goes_back():
    with pytest.raises(InvalidValueError, match="duration_ns"):
        testing.FakeClock().advance(-1)


def test_a_load_is_timed_by_the_clock_that_it_is_given():
    clock = testing.FakeClock(100)
    steps = LoadSteps(clock=clock)

    with steps.step("weights"):
        clock.advance(40)

    assert steps.steps == [LoadStep("weights", 100, 140)]


def test_a_budget_ends_by_the_clock_that_it_is_given():
    clock = testing.FakeClock()
    limits = Limits(min_samples=10_000, budget_ns=10 * NS_PER_S, relative_width=1e-9, warmup_iterations=0)
    measurement = Measurement(limits, clock=clock)

    for iteration in measurement.iterations(("ttft",)):
        clock.advance(NS_PER_S)
        iteration.record("ttft", 1_000 + iteration.index)

    assert not measurement.decision.converged
    assert len(measurement.columns()["value"]) == 1 + 10  # the cold one, then one per second


def test_a_benchmark_is_measured_in_this_process():
    result = testing.measure(InferenceSpeedBenchmark(), testing.null_model(), input_length=8, new_tokens=4)

    assert result.status is Status.OK
    assert result.case.parameters == {"input_length": 8, "new_tokens": 4, "view": "steps"}
    assert {"ttft", "itl", "tpot", "e2e"} <= {summary.metric for summary in result.summaries}


def test_a_case_that_the_benchmark_refuses_is_refused():
    with pytest.raises(InvalidValueError, match="input_length"):
        testing.measure(InferenceSpeedBenchmark(), testing.null_model(), input_length=1 << 30)


def test_known_samples_give_known_summaries():
    result = testing.make_result({"ttft": [list(range(1_000, 1_041))] * 2}, phases={"ttft": "prefill"})

    (summary,) = result.summaries
    assert (summary.metric, summary.phase, summary.runs, summary.n) == ("ttft", "prefill", 2, 82)
    assert (summary.minimum, summary.maximum, summary.quantiles["p50"].value) == (1_000, 1_040, 1_020)


@pytest.mark.parametrize(
    ("values", "error"), [({"tfft": [[1]]}, UnknownNameError), ({"ttft": [[0.5]]}, InvalidValueError)]
)
def test_samples_that_no_benchmark_could_record_are_refused(values, error):
    with pytest.raises(error):
        testing.make_result(values)


def test_a_run_is_written_as_a_measured_one_is(tmp_path):
    result = testing.make_result({"ttft": [[5_000_000] * 40]})

    run = testing.write_run(tmp_path, result)

    assert run.record.finished
    assert run.record.id == run.folder.name
    assert run.results[0].case == result.case
    assert run.samples(run.results[0]).column("value").to_pylist() == [5_000_000] * 40
    assert (run.folder / "results.csv").is_file()
