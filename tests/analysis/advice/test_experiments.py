"""What a class suggests, and by how much it is predicted to help."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.advice.possible import Possible
from inference_bench.analysis.advice.prediction import time_after
from inference_bench.ceilings import Interval
from inference_bench.spec import Setup
from tests.advised import DEMANDS, MS, SECOND, advised, case, ceilings, gemv, near, timed
from tests.analysis.advice.test_rules import decode, load, prefill, process, requests


def experiments(of):
    return {each.change: each for each in of.experiments}


def left_out(of):
    return {each.change: each.reason for each in of.left_out}


def test_amdahls_law_between_the_share_alone_and_all_that_nothing_explains():
    half = time_after(near(0.8, 0), near(0.5, 0))

    assert (half.low, half.high) == (pytest.approx(0.5), pytest.approx(0.6))


def test_what_is_known_to_stay_limits_the_gain():
    half = time_after(near(0.6, 0), near(0.5, 0), fixed=near(0.4, 0))

    assert (half.low, half.high) == (pytest.approx(0.7), pytest.approx(0.7))


def test_a_share_above_one_counts_as_one():
    assert time_after(near(1.3, 0), near(0.5, 0)) == Interval(0.5, 0.5, 0.5)


def test_half_of_the_bytes_of_a_memory_bound_step():
    found = experiments(advised(decode(6, demands=replace(DEMANDS, operations_per_step=None))))["dtype=bfloat16"]

    # MBU 5/6: between 1 / 0.5 and 1 / (1 - 5/6 / 2), less and more the error of the model and of the ceilings.
    assert (found.metric, found.because) == ("itl", "memory_bound")
    assert found.predicted.low == pytest.approx(1.71 / 1.05, abs=0.05)
    assert found.predicted.high == pytest.approx(2.0 * 1.05, abs=0.05)


def test_the_command_measures_the_case_with_one_change():
    found = experiments(advised(decode(6)))["dtype=bfloat16"]

    assert " ".join(found.command) == (
        "ab dtype=float32 dtype=bfloat16 --model tiny --benchmark inference_speed --metric itl --threads 2 "
        "--axis input_length=8 --axis new_tokens=4 --runs 6"
    )


def test_one_thread_is_predicted_by_the_bandwidth_of_one_and_is_no_advice():
    found = experiments(advised(decode(6)))["threads=1"]

    assert found.is_counterfactual
    assert 0.42 < found.predicted.low < found.predicted.high < 0.63


def test_a_dtype_with_a_slow_matmul_is_left_out_as_a_loss():
    slow = replace(ceilings(), matmul=tuple(replace(of, flops_per_s=near(50e9)) for of in ceilings().matmul[2:]))
    slow = replace(slow, matmul=(*ceilings().matmul[:2], *slow.matmul))
    demands = replace(DEMANDS, weight_bytes=1_000_000)

    found = advised(prefill(2.5, demands=demands), held=slow)

    assert "dtype=bfloat16" not in experiments(found)
    assert left_out(found)["dtype=bfloat16"].endswith(": a loss")


def test_a_dtype_whose_matmul_was_not_measured_says_what_to_do():
    reason = left_out(advised(decode(6)))["dtype=float16"]

    assert reason.endswith(
        "the matmul rate of float16 with 2 threads is unknown (run `ceilings` --dtype float16 --threads 2)"
    )


def test_only_dtypes_and_engines_that_are_there_are_suggested():
    possible = Possible(engines={"llama_cpp": ("float32", "q8_0")})

    found = experiments(advised(decode(6), possible=possible))

    assert set(found) == {"engine=llama_cpp,dtype=float32", "engine=llama_cpp,dtype=q8_0", "threads=1"}
    assert found["engine=llama_cpp,dtype=q8_0"].baseline == "engine=auto,dtype=float32"


def test_another_engine_may_lose_the_rest_of_the_step_or_take_twice_as_long_for_it():
    possible = Possible(engines={"llama_cpp": ("float32",)})

    found = experiments(advised(decode(6), possible=possible))["engine=llama_cpp,dtype=float32"]

    # MBU 5/6: at best the step takes what the ceiling allows, at worst a sixth longer than now; 5 % either way.
    assert found.predicted.low == pytest.approx(6 / 7 / 1.05, rel=0.05)
    assert found.predicted.high == pytest.approx(6 / 5 * 1.05, rel=0.05)


def test_a_batch_pays_for_the_weights_once():
    found = experiments(advised(decode(6)))["batch_size=4"]

    # MBU 5/6 is paid once, the rest once or four times.
    assert found.work == 4
    assert found.predicted.low == pytest.approx(4 / (5 / 6 + 4 / 6), rel=0.1)
    assert found.predicted.high == pytest.approx(4.2, rel=0.02)
    assert found.command[5:7] == ("--benchmark", "batch_processing")


def test_compiling_removes_operations_of_an_overhead_bound_step():
    found = experiments(advised(decode(1.2, demands=replace(DEMANDS, weight_bytes=1_000_000))))["compile=default"]

    assert found.predicted.low > 1.4
    assert found.predicted.high < 5.3


def test_fewer_threads_than_idle_ones_by_amdahls_law():
    found = experiments(advised(decode(200, usage={"cpu_ns": 12 * SECOND})))["threads=1"]

    # 1.2 CPUs were used: one thread takes 1.2 times as long, within 5 %.
    assert found.is_counterfactual
    assert found.predicted.low == pytest.approx(1 / 1.26, rel=0.01)
    assert found.predicted.high == pytest.approx(1 / 1.14, rel=0.01)


def test_as_many_threads_as_cpus():
    setup = Setup(threads=4)

    found = experiments(advised(process(setup=setup, worker={"busy_threads": 4, "waited_ns": 19 * SECOND})))

    assert (found["threads=2"].predicted.low, found["threads=2"].predicted.high) == (
        pytest.approx(1 / 1.05),
        pytest.approx(2.1),
    )


def test_threads_of_the_models_own_are_not_the_set_ups_to_change():
    found = advised(process(worker={"busy_threads": 4, "waited_ns": 19 * SECOND}))

    assert left_out(found)["threads=2"] == "the set-up has 2 already: the model starts threads of its own"


def test_memory_that_is_kept_saves_half_of_the_kernels_time_or_more():
    found = advised(process(usage={"system_ns": 9.5 * SECOND, "minor_faults": 9_000_000}))

    (kept,) = (each for each in found.experiments if each.because == "allocation_churn")
    assert (kept.metric, kept.phase) == ("itl", "decode")
    assert (kept.predicted.low, kept.predicted.high) == (pytest.approx(1 / 0.75 / 1.05), pytest.approx(2.1))


def test_a_warm_load_is_predicted_by_the_one_that_was_measured():
    found = experiments(advised(load(1000, 0.05, "cold"), load(400, 0.05, "warm")))["page_cache=warm"]

    assert found.predicted.low == pytest.approx(950 / 420 / 1.05)
    assert found.predicted.high == pytest.approx(1050 / 380 * 1.05)


def test_half_of_the_rate_takes_half_of_the_waiting():
    asked = requests(100, 10)
    asked = replace(
        asked,
        case=replace(asked.case, parameters={**asked.case.parameters, "scenario": "poisson", "max_batch_size": 8}),
        summaries=(*asked.summaries, timed("offered_rate", "", 4)),
    )

    found = experiments(advised(asked))

    assert found["rate=2"].is_counterfactual
    assert found["rate=2"].predicted.low == pytest.approx(1 / 0.55 / 1.05, rel=0.02)
    assert found["max_batch_size=16"].predicted.low == pytest.approx(1 / 1.05)


def test_the_largest_certain_gain_is_first_and_counterfactual_ones_are_last():
    found = advised(decode(6)).experiments

    gains = [each.predicted.low for each in found if not each.is_counterfactual]
    assert gains == sorted(gains, reverse=True)
    assert found[-1].is_counterfactual


def test_a_step_without_a_class_is_advised_by_what_it_is_partly_spent_on():
    found = advised(case(timed("itl", "decode", 15 * MS)))

    assert not [each for each in found.named if each.phase == "decode"]
    assert 1.05 < experiments(found)["dtype=bfloat16"].predicted.low < 1.3


def test_a_step_that_nothing_explains_has_no_advice():
    assert advised(case(timed("itl", "decode", 200 * MS))).experiments == ()


def test_fused_attention_saves_at_most_what_bytes_and_arithmetic_leave():
    eager = Setup(threads=2, attention="eager")
    found = experiments(advised(decode(6, setup=eager)))["attention=sdpa"]

    # MBU 5/6, less the width of the time and of the bandwidth: no gain, up to 1 / (5/6), and the error of the model.
    assert found.predicted.low == pytest.approx(1 / 1.05)
    assert found.predicted.high == pytest.approx(1.2 * 1.05, rel=0.05)
    assert found.baseline == "attention=eager"
    assert "--attention" not in found.command
    assert "attention=sdpa" not in experiments(advised(decode(6)))
    refused = left_out(advised(decode(6, setup=eager), possible=Possible(("float32",))))
    assert refused["attention=sdpa"] == "this engine has one kind of attention"


def test_where_arithmetic_explains_a_prefill_fused_attention_brings_little():
    eager = Setup(threads=2, attention="eager")
    demands = replace(DEMANDS, weight_bytes=1_000_000)
    found = experiments(advised(prefill(2.1, demands=demands, setup=eager)))["attention=sdpa"]

    # MFU 2 / 2.1, less the width of the time and of the rate.
    assert found.because == "compute_bound"
    assert 1.05 < found.predicted.high < 1.18


MATRICES = replace(DEMANDS, matrices=((1_000_000, 25),))


@pytest.mark.parametrize(("faster", "low", "high"), [(1.0, 0.95, 1.05), (2.0, 1.63, 1.80)])
def test_a_smaller_dtype_gains_what_the_products_of_one_row_gain(faster, low, high):
    """25 matrices of a million parameters at 10 GFLOP/s take 5 of 6 ms; the operations of float32 take the sixth."""
    held = replace(ceilings(), gemv=gemv(float32=10e9, bfloat16=10e9 * faster))
    found = experiments(advised(decode(6, demands=MATRICES), held=held))["dtype=bfloat16"]

    assert found.predicted.low == pytest.approx(low, abs=0.1)
    assert found.predicted.high == pytest.approx(high, abs=0.1)
    assert "products of one row" in found.how


def test_a_dtype_with_slow_products_of_one_row_is_left_out_as_a_loss():
    held = replace(ceilings(), gemv=gemv(float32=10e9, bfloat16=5e9))

    assert left_out(advised(decode(6, demands=MATRICES), held=held))["dtype=bfloat16"].endswith(": a loss")


def test_matrices_between_two_measured_sizes_take_the_time_of_either():
    sizes = tuple(
        replace(of, parameters=size, flops_per_s=near(rate, 0))
        for of in gemv(float32=1.0, bfloat16=1.0)
        for size, rate in ((500_000, 10e9), (2_000_000, 10e9 if of.dtype == "float32" else 20e9))
    )
    found = experiments(advised(decode(6, demands=MATRICES), held=replace(ceilings(), gemv=sizes)))["dtype=bfloat16"]

    assert found.predicted.low == pytest.approx(1 / 1.05, abs=0.03)
    assert found.predicted.high == pytest.approx(1.71 * 1.05, abs=0.05)


@pytest.mark.parametrize(
    ("demands", "rates", "parameters"),
    [
        (DEMANDS, {"float32": 10e9, "bfloat16": 10e9}, {}),  # an engine whose products are not the framework's
        (MATRICES, {"float32": 10e9}, {}),
        (MATRICES, {"bfloat16": 10e9}, {}),
        (MATRICES, {"float32": 10e9, "bfloat16": 10e9}, {"batch_size": 4}),
    ],
)
def test_without_rates_of_both_or_with_more_rows_the_bytes_decide(demands, rates, parameters):
    plain = advised(decode(6, demands=DEMANDS, **parameters))
    other = advised(decode(6, demands=demands, **parameters), held=replace(ceilings(), gemv=gemv(**rates)))

    assert experiments(other)["dtype=bfloat16"] == experiments(plain)["dtype=bfloat16"]


def test_the_products_of_one_row_say_nothing_of_a_prefill():
    held = replace(ceilings(), gemv=gemv(float32=10e9, bfloat16=1e9))

    assert advised(prefill(2.5, demands=MATRICES), held=held) == advised(prefill(2.5, demands=MATRICES))
