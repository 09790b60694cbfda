"""What ``@benchmark`` takes, awaits and refuses."""

from __future__ import annotations

import asyncio
import time
from functools import partial, wraps

import pytest

from inference_bench import benchmark
from inference_bench.benchmark.function import benchmark_class
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import PluginError, UsageError
from inference_bench.plan import Case
from inference_bench.spec import Limits, Setup

_SLEEP_NS = 2_000_000
_LIMITS = Limits(min_samples=6, warmup_iterations=0, budget_ns=50_000_000)


async def sleeps():
    await asyncio.sleep(_SLEEP_NS / 1e9)


@wraps(sleeps)
def decorated(*args):
    return sleeps(*args)


class Called:
    __name__ = "called"

    async def __call__(self):
        await sleeps()


def _partial():
    found = partial(sleeps)
    found.__dict__["__name__"] = "partial_one"
    return found


def _measured(function):
    measurement = Measurement(_LIMITS)
    benchmark_class(benchmark(function))().measure(None, Case("null", "work", Setup()), measurement)
    return measurement.columns()["value"]


@pytest.mark.parametrize("function", [sleeps, Called(), _partial()], ids=["plain", "object", "partial"])
def test_a_coroutine_function_is_awaited_however_it_is_wrapped(function):
    assert min(_measured(function)) >= _SLEEP_NS


def returns_coroutine():
    return sleeps()


def returns_future():
    loop = asyncio.new_event_loop()
    try:
        return loop.create_future()
    finally:
        loop.close()


@pytest.mark.parametrize("function", [decorated, returns_coroutine, returns_future, lambda: sleeps()])
@pytest.mark.filterwarnings("error")
def test_an_awaitable_that_nothing_awaits_is_refused(function):
    with pytest.raises(UsageError, match="that nothing has run: time a coroutine function"):
        _measured(function)


def generates():
    yield time.time()


async def generates_async():
    yield time.time()


@pytest.mark.parametrize("function", [generates, generates_async])
def test_a_generator_function_is_refused(function):
    with pytest.raises(PluginError, match="a generator function"):
        benchmark(function)


def test_only_a_function_of_nothing_needs_no_model():
    def needs_model(function):
        return benchmark_class(benchmark(function)).needs_model

    assert not needs_model(lambda: None)
    assert needs_model(lambda model: None)
    assert needs_model(lambda model, case: None)


def test_the_function_stays_callable():
    @benchmark
    def answer():
        return 42

    assert answer() == 42
    assert answer.__name__ == "answer"


def test_what_is_not_decorated_or_cannot_be_is_refused():
    with pytest.raises(PluginError, match="pause: got a plain function, expected one with @benchmark"):
        benchmark_class(pause)
    with pytest.raises(PluginError, match="accepts no attribute: expected a function of yours"):
        benchmark(abs)
    with pytest.raises(PluginError, match="its arguments are unknown"):
        benchmark(time.time)


def pause():
    pass
