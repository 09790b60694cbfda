"""A benchmark that is one function, timed call by call.

    from inference_bench import benchmark

    @benchmark
    def tokenise(model):
        model.tokenizer("The quick brown fox")

A file ``benchmark_<name>.py`` with such a function can stand wherever one with a benchmark class can. The function
stays what it was: it can still be called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.function_calls import time_function
from inference_bench.errors import PluginError
from inference_bench.plugins import class_of, stand_for

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


F = TypeVar("F", bound=Callable[..., object])


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


def benchmark(function: F) -> F:
    """Make a function or coroutine function a benchmark, and return it; one that takes nothing needs no model.

    Raises:
        PluginError: it is a generator function, takes more than the model and the case, or accepts no attribute.
    """
    _refuse_generator(function)
    stand_for(function, _class_of_function(function, _needed(function)))
    return function


def benchmark_class(function: Callable[..., object]) -> type[FunctionBenchmark]:
    """Return the benchmark that ``@benchmark`` has made of a function.

    Raises:
        PluginError: it is not decorated.
    """
    found = class_of(function)
    if found is None or not issubclass(found, FunctionBenchmark):
        raise PluginError(f"{_name(function)}: got a plain function, expected one with @benchmark. Decorate it.")
    return found


def _refuse_generator(function: Callable[..., object]) -> None:
    forms = function, inspect.unwrap(function)
    if any(map(inspect.isgeneratorfunction, forms)) or any(map(inspect.isasyncgenfunction, forms)):
        raise PluginError(
            f"@benchmark {_name(function)}: a call of a generator function runs nothing of it. Time a function "
            "that takes all items."
        )


def _needed(function: Callable[..., object]) -> int:
    """Return how many of the model and the case a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        raise PluginError(f"@benchmark {_name(function)}: its arguments are unknown. Wrap it in a def.") from None
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(needed) != len(parameters) or len(needed) > 2:
        names = ", ".join(p.name for p in parameters)
        raise PluginError(
            f"@benchmark {_name(function)}({names}): expected no argument, the model, or the model and the "
            "case. Subclass Benchmark for more."
        )
    return len(needed)


def _class_of_function(function: Callable[..., object], needed: int) -> type[FunctionBenchmark]:
    name = _name(function)
    title = name.replace("_", " ")
    members = {
        "__module__": function.__module__,
        "__doc__": function.__doc__ or f"Time ``{name}``.",
        "title": title[:1].upper() + title[1:],
        "function": staticmethod(function),
        "needs_model": needed > 0,
    }
    return type(name, (FunctionBenchmark,), members)


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
