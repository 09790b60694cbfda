"""Functions and coroutine functions are run, in whatever form they are given; what nothing has run is refused."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Generator

import pytest

from inference_bench.benchmark.function import benchmark, benchmark_class
from inference_bench.benchmark.function_calls import is_coroutine_function, time_function
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import PluginError, UsageError
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_MS

LIMITS = Limits(min_samples=5, max_samples=5, warmup_iterations=1, relative_width=1e-9)


def measured(function, *args):
    """Return the result of the last call, and the duration of each."""
    measurement = Measurement(LIMITS)
    returned = time_function(measurement, "call_time", function, args)
    return returned, measurement.columns()["value"]


async def pause(result="slept"):
    await asyncio.sleep(0.002)
    return result


class Pauses:
    async def method(self):
        return await pause()

    @classmethod
    async def of_class(cls):
        return await pause()

    @staticmethod
    async def static():
        return await pause()

    async def __call__(self):
        return await pause()


@functools.wraps(pause)
async def wrapped():
    return await pause()


COROUTINE_FUNCTIONS = {
    "function": pause,
    "partial": functools.partial(pause, "slept"),
    "keyword": functools.partial(pause, result="slept"),
    "method": Pauses().method,
    "class method": Pauses.of_class,
    "static method": Pauses.static,
    "callable object": Pauses(),
    "partial of a callable object": functools.partial(Pauses()),
    "wrapped": wrapped,
}


@pytest.mark.parametrize("function", COROUTINE_FUNCTIONS.values(), ids=COROUTINE_FUNCTIONS)
def test_every_form_of_a_coroutine_function_is_awaited(function):
    assert is_coroutine_function(function)
    returned, times_ns = measured(function)

    assert returned == "slept"
    assert min(times_ns) >= 2 * NS_PER_MS
    assert len(times_ns) == 1 + 1 + 5


def test_a_coroutine_function_takes_arguments():
    assert measured(pause, "a")[0] == "a"


def test_arguments_are_prepared_before_each_call_untimed():
    prepared, called = [], []

    def prepare():
        time.sleep(0.003)
        prepared.append(len(prepared))
        return (prepared[-1],)

    async def prepare_async():
        return prepare()

    async def call_async(number):
        called.append(number)

    for function, preparing in ((called.append, prepare), (call_async, prepare), (call_async, prepare_async)):
        prepared.clear(), called.clear()
        measurement = Measurement(LIMITS)
        time_function(measurement, "call_time", function, prepare=preparing)
        assert called == prepared == list(range(7))
        assert min(measurement.columns()["value"]) < 3 * NS_PER_MS


def generate():
    yield 1


async def generate_async():
    yield 1


class Waits:
    def __await__(self):
        yield


LAZY = {
    "awaitable object": Waits,
    "generator function": generate,
    "generator expression": lambda: (i for i in range(3)),
    "map": functools.partial(map, str, range(3)),
    "filter": lambda: filter(None, range(3)),
    "asynchronous generator function": generate_async,
    "function that returns a coroutine": lambda: pause(),
}


@pytest.mark.parametrize("function", LAZY.values(), ids=LAZY)
def test_what_nothing_has_run_is_refused(function):
    with pytest.raises(UsageError, match="that nothing has run: time a"):
        measured(function)


def test_a_coroutine_that_gives_a_coroutine_is_refused():
    async def outer():
        return pause()

    with pytest.raises(UsageError, match="outer returned a coroutine that nothing has run"):
        measured(outer)


@pytest.mark.parametrize("result", [[1], iter([1]), None, zip([1], [2], strict=True), {}.items(), time])
def test_other_results_can_stand(result):
    assert measured(lambda: result)[0] is result


def test_a_generator_that_has_begun_can_stand():
    def first():
        items = generate()
        next(items)
        return items

    assert list(measured(first)[0]) == []


class Items(Generator):
    """A generator that is no native one, as compiled code has."""

    def send(self, value):
        raise StopIteration

    def throw(self, *what):
        raise StopIteration


def test_a_generator_class_whose_state_is_unknown_can_stand():
    assert isinstance(measured(Items)[0], Items)


def test_a_running_loop_is_told_of():
    async def test():
        measured(pause)

    with pytest.raises(UsageError, match="time it from a plain function"):
        asyncio.run(test())


def test_an_exception_of_a_coroutine_ends_the_timing():
    async def fail():
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        measured(fail)


@pytest.mark.parametrize("function", [pause, wrapped], ids=["plain", "wrapped"])
def test_a_benchmark_awaits_too(function):
    async def case():
        return await function()

    measurement = Measurement(LIMITS)
    benchmark_class(benchmark(case))().measure(None, None, measurement)

    assert min(measurement.columns()["value"]) >= 2 * NS_PER_MS


@pytest.mark.parametrize("function", [generate, generate_async])
def test_a_generator_function_is_no_benchmark(function):
    with pytest.raises(PluginError, match="runs nothing of it"):
        benchmark(function)


def test_a_benchmark_that_returns_what_nothing_has_run_fails():
    def lazy():
        return generate()

    with pytest.raises(UsageError, match="lazy returned a generator"):
        benchmark_class(benchmark(lazy))().measure(None, None, Measurement(LIMITS))
