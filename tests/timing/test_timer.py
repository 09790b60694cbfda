"""``inference_bench.time``: plain and coroutine functions, in and outside of a running loop."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import threading
import time
from typing import Any, cast

import numpy as np
import pytest

import inference_bench
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.timing.timer import Timer
from inference_bench.units import NS_PER_MS

QUICK = Timer(budget_s=0.05, min_calls=6, max_calls=6, warmup=1)


async def pause(result="slept"):
    await asyncio.sleep(0.002)
    return result


def test_the_function_gets_all_arguments_even_those_named_as_options():
    def takes(first, /, *, setup, budget_s, function, self):
        return first, setup, budget_s, function, self

    found = QUICK(takes, 1, setup=2, budget_s=3, function=4, self=5)

    assert found.returned == (1, 2, 3, 4, 5)
    assert found.name == "test_the_function_gets_all_arguments_even_those_named_as_options.takes"


def test_a_timing_has_the_figures_of_its_calls():
    found = QUICK(time.sleep, 0.002)

    assert found.n == len(found.samples_ns) == 6
    assert found.samples_ns.min() >= 2 * NS_PER_MS
    assert found.median_ns in found.samples_ns
    assert found.interval == (found.samples_ns.min(), found.samples_ns.max())
    assert found.cold_ns >= 2 * NS_PER_MS
    assert found.quantiles["p90"].value is None
    assert 0 < found.floor_ns < NS_PER_MS


def test_calls_and_warm_up_are_counted_as_asked():
    calls = []
    found = QUICK.with_options(warmup=3)(calls.append, None)

    assert (found.n, len(calls)) == (6, 1 + 3 + 6)
    assert "limit of 6 samples reached" in found.stop_reason or found.converged


@pytest.mark.parametrize("timer", [QUICK, QUICK.with_options(setup=lambda: "made")])
def test_a_coroutine_function_is_awaited(timer):
    found = timer(pause)

    assert found.returned == ("slept" if timer.setup is None else "made")
    assert found.samples_ns.min() >= 2 * NS_PER_MS


def test_inside_a_running_loop_a_coroutine_function_has_a_loop_and_thread_of_its_own():
    async def who():
        return threading.get_ident(), asyncio.get_running_loop()

    async def main():
        elsewhere, here = QUICK(who), await QUICK.awaited(who)
        mine = threading.get_ident(), asyncio.get_running_loop()
        return elsewhere.returned, here.returned, mine

    elsewhere, here, mine = asyncio.run(main())
    assert here == mine
    assert not {*elsewhere} & {*mine}


def test_setup_feeds_the_arguments():
    made = iter(range(100))
    assert QUICK.with_options(setup=lambda: (next(made), "b"))(lambda *args: args, "c").returned == (7, "b", "c")
    assert QUICK.with_options(setup=lambda: None)(lambda *args: args, "c").returned == ("c",)
    found = QUICK.with_options(setup=lambda: [1])(lambda *args, **named: (args, named), key=2)
    assert found.returned == (([1],), {"key": 2})


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (
            lambda: QUICK(cast(Any, 3)),
            r"time: got 3, expected a function and its arguments: time\(f, x\), not time\(f\(x\)\)",
        ),
        (lambda: QUICK(cast(Any, "x + 1")), "`python -m inference_bench time CODE`"),
        (lambda: QUICK(lambda: pause()), "returned a coroutine that nothing has run"),
        (lambda: QUICK.with_options(setup=pause)(len), "setup: got a coroutine function, expected a plain one"),
        (lambda: asyncio.run(QUICK.awaited(len, "x")), "awaited: got len, expected a coroutine function"),
    ],
)
def test_what_cannot_be_timed_is_refused(work, message):
    with pytest.raises(UsageError, match=message):
        work()


@pytest.mark.parametrize(
    "options", [{"budget_s": 0}, {"budget_s": float("nan")}, {"precision": 0.5}, {"min_calls": 0}, {"setup": 3}]
)
def test_options_that_cannot_be_meant_are_refused(options):
    with pytest.raises(InvalidValueError, match=r"(budget_s|precision|min samples|setup): got"):
        Timer().with_options(**options)(len, "x")


def test_an_unknown_option_is_an_error():
    with pytest.raises(TypeError, match="bugdet"):
        inference_bench.time.with_options(**cast(Any, {"bugdet": 3}))


def test_an_exception_of_the_function_is_raised():
    with pytest.raises(ZeroDivisionError):
        QUICK(lambda: 1 / 0)


def test_once_calls_once_and_times_nothing():
    calls = []
    assert QUICK.with_options(setup=lambda: 3).once(lambda x, y: calls.append((x, y)) or "done", 4) == "done"
    assert QUICK.once(functools.partial(pause, "b")) == "b"
    assert calls == [(3, 4)]


def test_the_default_timer_is_exported_and_imports_no_framework():
    code = (
        "import sys, inference_bench; found = inference_bench.time.with_options(budget_s=0.01)(sum, [1, 2]);"
        "assert found.returned == 3; assert isinstance(found, inference_bench.Timing);"
        "print({'torch', 'transformers', 'pyarrow', 'rich'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "set()"


def test_samples_are_in_order_of_time():
    durations = iter([0, 0, 0.2, 0, 0, 0.1, 0, 0])
    found = QUICK.with_options(budget_s=5)(lambda: time.sleep(next(durations)))

    assert np.argsort(found.samples_ns)[::-1][:2].tolist() == [0, 3]
