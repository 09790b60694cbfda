"""Functions and coroutine functions are run, in whatever form they are given; what nothing has run is refused."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Generator

import pytest

from inference_bench.benchmark.function import FunctionBenchmark, benchmark
from inference_bench.benchmark.function_calls import is_coroutine_function
from inference_bench.benchmark.function_timing import FunctionTiming
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import PluginError, UsageError
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_MS

LIMITS = Limits(min_samples=5, max_samples=5, warmup_iterations=1, relative_width=1e-9)


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
    timing = FunctionTiming(LIMITS)

    assert timing(function) == "slept"
    assert timing.summary.minimum >= 2 * NS_PER_MS
    assert timing.summary.n == 5


def test_a_coroutine_function_takes_arguments():
    timing = FunctionTiming(LIMITS)

    assert timing(pause, "a") == "a"
    assert timing(pause, result="b") == "b"


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
    timing = FunctionTiming(LIMITS)

    with pytest.raises(UsageError, match="that nothing has run: time a"):
        timing(function)
    assert timing.summaries == []


def test_a_coroutine_that_gives_a_coroutine_is_refused():
    async def outer():
        return pause()

    with pytest.raises(UsageError, match="outer returned a coroutine that nothing has run"):
        FunctionTiming(LIMITS)(outer)


@pytest.mark.parametrize("result", [[1], iter([1]), None, zip([1], [2], strict=True), {}.items(), time])
def test_other_results_can_stand(result):
    assert FunctionTiming(LIMITS)(lambda: result) is result


def test_a_generator_that_has_begun_can_stand():
    def first():
        items = generate()
        next(items)
        return items

    assert list(FunctionTiming(LIMITS)(first)) == []


class Items(Generator):
    """A generator that is no native one, as compiled code has."""

    def send(self, value):
        raise StopIteration

    def throw(self, *what):
        raise StopIteration


def test_a_generator_class_whose_state_is_unknown_can_stand():
    assert isinstance(FunctionTiming(LIMITS)(Items), Items)


def test_a_running_loop_is_told_of():
    async def test():
        FunctionTiming(LIMITS)(pause)

    with pytest.raises(UsageError, match="time it from a plain function"):
        asyncio.run(test())


def test_each_use_is_a_summary_of_its_own():
    timing = FunctionTiming(LIMITS)
    assert timing.summary is None
    timing(time.sleep, 0.002)
    timing(sum, [1, 2])

    assert [summary.minimum >= 2 * NS_PER_MS for summary in timing.summaries] == [True, False]
    assert timing.summary is timing.summaries[-1]


def test_an_exception_of_a_coroutine_ends_the_timing():
    async def fail():
        raise ValueError("inside")

    timing = FunctionTiming(LIMITS)
    with pytest.raises(ValueError, match="inside"):
        timing(fail)
    assert timing.summaries == []


@pytest.mark.parametrize("function", [pause, wrapped], ids=["plain", "wrapped"])
def test_a_benchmark_awaits_too(function):
    async def case():
        return await function()

    measurement = Measurement(LIMITS)
    made = benchmark(case)
    assert issubclass(made, FunctionBenchmark)
    made().measure(None, None, measurement)

    assert min(measurement.columns()["value"]) >= 2 * NS_PER_MS


@pytest.mark.parametrize("function", [generate, generate_async])
def test_a_generator_function_is_no_benchmark(function):
    with pytest.raises(PluginError, match="runs nothing of it"):
        benchmark(function)


def test_a_benchmark_that_returns_what_nothing_has_run_fails():
    def lazy():
        return generate()

    with pytest.raises(UsageError, match="lazy returned a generator"):
        benchmark(lazy)().measure(None, None, Measurement(LIMITS))
