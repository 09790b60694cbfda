"""Measuring inside this process, also while an event loop runs."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from functools import partial

import pytest

import inference_bench
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.result import Status
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S
from tests.factories import run, spec

LIMITS = Limits(min_samples=30, budget_ns=NS_PER_S // 10, relative_width=0.5, silence_ns=2 * NS_PER_S)
_spec = partial(spec, limits=LIMITS, isolation="inline", input_length=(8,), new_tokens=(4,))


def test_a_model_is_measured_in_this_process_and_the_result_says_so(tmp_path, bad_models):
    (result,) = run(_spec("good"), tmp_path, bad_models).run.results

    assert result.status is Status.OK
    assert {summary.metric for summary in result.summaries} >= {"ttft", "itl", "e2e"}
    assert [worker["pid"] for worker in result.workers] == [os.getpid()]
    assert any("isolation inline" in note for note in result.notes)


def test_the_process_is_left_as_it_was(tmp_path, bad_models):
    frozen, threads = gc.get_freeze_count(), threading.active_count()
    run(_spec("good"), tmp_path, bad_models)

    assert gc.get_freeze_count() == frozen
    assert threading.active_count() <= threads + 1  # a pool's idle thread


def test_the_harness_floor_is_that_of_this_process(tmp_path, bad_models):
    done = run(_spec("slow"), tmp_path, bad_models).run

    (ttft,) = (summary for summary in done.results[0].summaries if summary.metric == "ttft")
    assert 0 < done.record.floor["ttft"]["p50"] < ttft.headline.value


@pytest.mark.parametrize(
    ("model", "status", "cause"),
    [
        ("raises_in_load", Status.FAILED, "no such layer"),
        ("raises_in_prefill", Status.FAILED, "prompt refused"),
        ("runs_out_of_memory", Status.OOM, "MemoryError"),
        ("hangs", Status.TIMEOUT, "sent nothing for 2 s"),
    ],
)
def test_a_fault_is_a_result_and_the_plan_goes_on(tmp_path, bad_models, model, status, cause):
    first, second = run(_spec(model, "good"), tmp_path, bad_models).run.results

    assert first.status is status
    assert cause in first.failure.cause
    assert second.status is Status.OK


def test_what_needs_a_process_of_its_own_does_not_apply(tmp_path, bad_models):
    (result,) = run(_spec("good", benchmarks=("memory_usage",)), tmp_path, bad_models).run.results

    assert result.status is Status.NOT_APPLICABLE
    assert "needs a process of its own" in result.failure.cause


def test_several_runs_of_one_process_are_refused():
    with pytest.raises(InvalidValueError, match="Every run would be this process"):
        Spec(("good",), ("inference_speed",), runs=2, isolation="inline")
    with pytest.raises(UnknownNameError, match="did you mean 'inline'"):
        Spec(("good",), ("inference_speed",), isolation="in-line")


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_embedded_in_a_running_loop_both_ways(tmp_path, bad_models, isolation):
    runner = inference_bench.BenchmarkRunner(
        ["good"],
        benchmarks=["inference_speed"],
        axes={"input_length": (8,), "new_tokens": (4,)},
        limits=LIMITS,
        output=tmp_path,
        models_dirs=[bad_models],
        isolation=isolation,
    )

    async def program():
        beats = 0

        async def heart():
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        beating = asyncio.create_task(heart())
        awaited = await runner.run_async()
        assert beats > 3  # the loop went on
        beating.cancel()
        return awaited, runner.run()  # as in a notebook's cell

    for outcome in asyncio.run(program()):
        assert [result.status for result in outcome.run.results] == [Status.OK]
