"""Time one function call by call, with the statistics of every benchmark; used by the pytest plugin."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar, overload

import numpy as np

from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.benchmark.function_calls import time_function
from inference_bench.benchmark.measurement import Measurement
from inference_bench.result import Stage, Summary
from inference_bench.spec import Limits

METRIC = "call_time"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class FunctionTiming:
    """Times one function in this process.

    Attributes:
        limits: when to stop.
        summaries: the result of each use, in order.
    """

    limits: Limits
    summaries: list[Summary] = field(default_factory=list, init=False)

    @property
    def summary(self) -> Summary | None:
        """The result of the last use; None before the first has ended."""
        return self.summaries[-1] if self.summaries else None

    @overload
    def __call__(self, function: Callable[P, Coroutine[object, object, R]], *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __call__(self, function: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Call the function until its median is precise, and return the result of the last call.

        A coroutine function is awaited. An exception of the function ends the timing and is raised.

        Raises:
            UsageError: the call returns a generator or awaitable that nothing has run.
        """
        measurement = Measurement(self.limits)
        call = partial(function, **kwargs) if kwargs else function
        returned = time_function(measurement, METRIC, call, args)
        self.summaries.append(_summary(measurement))
        return returned


def _summary(measurement: Measurement) -> Summary:
    columns = measurement.columns()
    stages, values = np.array(columns["stage"]), np.array(columns["value"], dtype=np.int64)
    measured = values[stages == Stage.MEASURED.value]
    decision = measurement.decision
    samples = MetricSamples(
        METRIC,
        "",
        measured,
        np.zeros(len(measured), dtype=np.int32),
        cold=float(values[stages == Stage.COLD.value][0]),
    )
    return summarise(samples, converged=decision.converged, stop_reason=decision.reason)
