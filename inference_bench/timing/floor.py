"""The harness floor: what timing an empty call shows. It is stated beside small times and never subtracted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np

from inference_bench.benchmark.function_calls import is_loop_running, time_function
from inference_bench.benchmark.measurement import Measurement
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_MS

METRIC = "call_time"

_LIMITS = Limits(min_samples=500, warmup_iterations=20, budget_ns=20 * NS_PER_MS, relative_width=0.05)

R = TypeVar("R")


def _nothing(**_: object) -> None:
    pass


async def _await_nothing(**_: object) -> None:
    pass


@lru_cache
def floor_ns(*, awaits: bool, keywords: bool) -> float:
    """Return the median of an empty call, measured once per process.

    Args:
        awaits: of a coroutine function.
        keywords: called with keyword arguments, by a ``functools.partial``.
    """
    function = _await_nothing if awaits else _nothing
    call = partial(function, keyword=None) if keywords else function
    measurement = Measurement(_LIMITS)
    off_the_loop(lambda: time_function(measurement, METRIC, call))
    return float(np.median(measurement.columns()["value"][1:]))


def off_the_loop(work: Callable[[], R]) -> R:
    """Call ``work`` here, or in a new thread if this thread runs an event loop."""
    if not is_loop_running():
        return work()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
