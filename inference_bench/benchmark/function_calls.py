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


Prepare = Callable[[], "tuple[object, ...] | Awaitable[tuple[object, ...]]"]
"""Called before each call, untimed: returns the positional arguments; of a coroutine function it may be awaitable."""


def time_function(
    measurement: Measurement,
    metric: str,
    function: Callable[..., object],
    args: tuple[object, ...] = (),
    prepare: Prepare | None = None,
) -> object:
    """Time calls until the median is precise, and return the result of the last.

    A coroutine function is awaited, every time on one event loop that is already running. Each call ends when the GPU
    has finished, if torch has used one.

    Args:
        measurement: takes the samples.
        metric: tag of the duration.
        function: a function or coroutine function; an exception of it ends the timing and is raised.
        args: positional arguments.
        prepare: called before each call, untimed; returns the positional arguments instead of ``args``.

    Raises:
        UsageError: the first call returned what nothing has run, or this thread runs an event loop already.
    """
    if not is_coroutine_function(function):
        plain = cast("Callable[[], tuple[object, ...]] | None", prepare)
        return measurement.time_calls(metric, function, args, plain)
    if is_loop_running():
        raise UsageError(
            "a coroutine function is timed on an event loop of its own, and this thread runs one already: "
            "time it from a plain function (def), not from a coroutine (async def)."
        )
    return asyncio.run(time_awaits(measurement, metric, function, args, prepare))


def is_loop_running() -> bool:
    """Return whether this thread runs an event loop, as a notebook does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def time_awaits(
    measurement: Measurement,
    metric: str,
    function: Callable[..., object],
    args: tuple[object, ...] = (),
    prepare: Prepare | None = None,
) -> object:
    """Time awaited calls on the running event loop; arguments and errors are those of ``time_function``."""
    awaited = cast("Callable[..., Awaitable[object]]", function)
    recorder = TickRecorder(2)
    tick = recorder.tick
    returned: object = None
    for iteration in measurement.iterations((metric,)):
        given = args if prepare is None else await _arguments(prepare)
        recorder.clear()
        finish_on_gpu()  # what an earlier call has left there
        tick()
        returned = await awaited(*given)
        waited = finish_on_gpu()
        tick()
        if waited:
            measurement.note_gpu()
        start_ns, end_ns = recorder.nanoseconds().tolist()
        iteration.record(metric, end_ns - start_ns, start_ns=start_ns)
        refuse_lazy_result(function, returned)
    return returned


async def _arguments(prepare: Prepare) -> tuple[object, ...]:
    found = prepare()
    return await found if isinstance(found, Awaitable) else found
