"""A benchmark that is one function, timed call by call.

    from inference_bench.benchmark.function import benchmark

    @benchmark
    def tokenise(model):
        model.tokenizer("The quick brown fox")

A file ``benchmark_<name>.py`` with such a function can stand wherever one with a benchmark class can.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from inference_bench._native import TickRecorder
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import PluginError

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class FunctionBenchmark(Benchmark):
    """Times one function, which takes nothing, the loaded model, or the model and the case.

    A coroutine function is awaited on one event loop per case.
    """

    targets = ("call_time",)
    headline = ("call_time",)
    function: ClassVar[Callable[..., object]]

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Call the function until the median of its duration is precise."""
        function = type(self).function
        given = (model, case)[: len(inspect.signature(function).parameters)]
        if inspect.iscoroutinefunction(function):
            asyncio.run(_measure_coroutine(function, given, measurement))
            return
        measurement.time_calls("call_time", function, given)


async def _measure_coroutine(
    function: Callable[..., Awaitable[object]], given: tuple[object, ...], measurement: Measurement
) -> None:
    recorder = TickRecorder(2)
    tick = recorder.tick
    for iteration in measurement.iterations(FunctionBenchmark.targets):
        recorder.clear()
        tick()
        await function(*given)
        tick()
        start_ns, end_ns = recorder.nanoseconds().tolist()
        iteration.record("call_time", end_ns - start_ns, start_ns=start_ns)


def benchmark(function: Callable[..., object]) -> type[FunctionBenchmark]:
    """Turn a function or coroutine function into a benchmark.

    Raises:
        PluginError: it takes more than the model and the case.
    """
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(needed) != len(parameters) or len(needed) > 2:
        names = ", ".join(p.name for p in parameters)
        raise PluginError(
            f"@benchmark {function.__name__}({names}): expected no argument, the model, or the model and the "
            "case. Subclass Benchmark for more."
        )
    title = function.__name__.replace("_", " ")
    members = {
        "__module__": function.__module__,
        "__doc__": function.__doc__ or f"Time ``{function.__name__}``.",
        "title": title[:1].upper() + title[1:],
        "function": staticmethod(function),
    }
    return type(function.__name__, (FunctionBenchmark,), members)
