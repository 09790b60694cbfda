"""A benchmark that is one function, timed call by call.

    from inference_bench.benchmark.function import benchmark

    @benchmark
    def tokenise(model):
        model.tokenizer("The quick brown fox")

A file ``benchmark_<name>.py`` with such a function can stand wherever one with a benchmark class can.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.function_calls import time_function
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
        time_function(measurement, "call_time", function, given)


def benchmark(function: Callable[..., object]) -> type[FunctionBenchmark]:
    """Turn a function or coroutine function into a benchmark; one that takes nothing needs no model.

    Raises:
        PluginError: it is a generator function, or takes more than the model and the case.
    """
    forms = function, inspect.unwrap(function)
    if any(map(inspect.isgeneratorfunction, forms)) or any(map(inspect.isasyncgenfunction, forms)):
        raise PluginError(
            f"@benchmark {function.__name__}: a call of a generator function runs nothing of it. Time a function "
            "that takes all items."
        )
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
        "needs_model": bool(needed),
    }
    return type(function.__name__, (FunctionBenchmark,), members)
