"""Time one function call by call, with the statistics of every benchmark; used by the pytest plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np

from inference_bench.analysis.summaries import MetricSamples, summarise
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
        summary: the result for the last function that was timed.
    """

    limits: Limits
    summary: Summary | None = field(default=None, init=False)

    def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function until its median is precise, and return the result of the last call.

        An exception of the function ends the timing and is raised.
        """
        measurement = Measurement(self.limits)
        call: Callable[..., R] = partial(function, **kwargs) if kwargs else function
        returned = measurement.time_calls(METRIC, call, args)
        self.summary = _summary(measurement)
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
