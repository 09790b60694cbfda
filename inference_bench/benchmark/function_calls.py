"""Time a function call by call, or a coroutine function await by await."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from inference_bench._native import TickRecorder
from inference_bench.benchmark.gpu_calls import finish_on_gpu
from inference_bench.benchmark.lazy_results import refuse_lazy_result
from inference_bench.errors import UsageError

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement


def is_coroutine_function(function: Callable[..., object]) -> bool:
    """Return whether calls must be awaited: also of methods, partials and objects with ``async def __call__``."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def time_function(
    measurement: Measurement, metric: str, function: Callable[..., object], args: tuple[object, ...] = ()
) -> object:
    """Time calls until the median is precise, and return the result of the last.

    A coroutine function is awaited, every time on one event loop that is already running. Each call ends when the GPU
    has finished, if torch has used one.

    Args:
        measurement: takes the samples.
        metric: tag of the duration.
        function: a function or coroutine function; an exception of it ends the timing and is raised.
        args: positional arguments.

    Raises:
        UsageError: the first call returned what nothing has run, or this thread runs an event loop already.
    """
    if not is_coroutine_function(function):
        return measurement.time_calls(metric, function, args)
    _refuse_running_loop()
    return asyncio.run(_time_awaits(measurement, metric, cast("Callable[..., Awaitable[object]]", function), args))


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "a coroutine function is timed on an event loop of its own, and this thread runs one already: "
        "time it from a plain function (def), not from a coroutine (async def)."
    )


async def _time_awaits(
    measurement: Measurement, metric: str, function: Callable[..., Awaitable[object]], args: tuple[object, ...]
) -> object:
    recorder = TickRecorder(2)
    tick = recorder.tick
    returned: object = None
    for iteration in measurement.iterations((metric,)):
        recorder.clear()
        finish_on_gpu()  # what an earlier call has left there
        tick()
        returned = await function(*args)
        waited = finish_on_gpu()
        tick()
        if waited:
            measurement.note_gpu()
        start_ns, end_ns = recorder.nanoseconds().tolist()
        iteration.record(metric, end_ns - start_ns, start_ns=start_ns)
        refuse_lazy_result(function, returned)
    return returned
