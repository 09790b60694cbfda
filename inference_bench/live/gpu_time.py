"""GPU time of a live model, by CUDA events that are read after the GPU has passed them; callers never block."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import inference_bench._native as _native

P = ParamSpec("P")
R = TypeVar("R")

NONE = -1
"""Number of an interval that could not be begun."""

_CAPACITY = 256
"""Intervals that may wait for the GPU at first; the native timer grows when they do not suffice."""
_MOST_WAITING = 65_536
"""Intervals kept until they are read; older ones were lost because no events were free."""


class GpuTimer:
    """Times intervals of a device's current stream into histograms.

    An interval lies between two events in the stream. It begins when the device reaches the first event, so it excludes
    the time behind the work of other requests and includes the time that the device waits for the host. A failure (a
    fork, a stream that is being captured) loses the interval and never raises, because a user's request is being timed.

    Args:
        timer: a native timer with a reader.
        current_stream: returns the handle of the calling thread's stream.
    """

    def __init__(self, timer: _native.CudaEventTimer, current_stream: Callable[[], int]) -> None:
        self._timer = timer
        self._current_stream = current_stream
        self._waiting: dict[int, _native.Histogram] = {}
        self._lock = threading.Lock()

    def begin(self, histogram: _native.Histogram) -> int:
        """Record the first event, and return the interval's number for ``end``, which any thread may call."""
        try:
            interval = self._timer.begin(self._current_stream())
        except RuntimeError:  # a forked child, or too many open intervals
            return NONE
        self._waiting[interval] = histogram
        return interval

    def end(self, interval: int) -> None:
        """Record the second event."""
        if interval == NONE:
            return
        try:
            self._timer.end(interval)
        except (RuntimeError, ValueError):
            self._waiting.pop(interval, None)

    def around(self, method: Callable[P, R], histogram: _native.Histogram) -> Callable[P, R]:
        """Return a method that times each call as one interval."""

        @functools.wraps(method)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            interval = self.begin(histogram)
            try:
                return method(*args, **kwargs)
            finally:
                self.end(interval)

        return timed

    def harvest(self, *, wait: bool = False) -> None:
        """Observe the intervals that the device has passed since the last call; the collector calls this.

        Args:
            wait: wait until the device has passed all of them.
        """
        with self._lock:
            try:
                found = self._timer.collect(wait)
            except RuntimeError:
                return
            for interval, gpu_ns, status in zip(found["id"], found["gpu_ns"], found["status"], strict=True):
                histogram = self._waiting.pop(interval, None)
                if histogram is not None and status == 0:
                    histogram.observe_ns(gpu_ns)
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)), None)


class GpuTimers:
    """The timers of one profiler, one per device.

    Args:
        add_harvester: has a function called at each collection.
    """

    def __init__(self, add_harvester: Callable[[Callable[[], object]], object]) -> None:
        self._add_harvester = add_harvester
        self._timers: dict[int, GpuTimer] = {}

    def of(self, model: object) -> GpuTimer | None:
        """Return the timer of a model's CUDA device; None on other devices, or where events do not work."""
        device = cuda_device(model)
        if device is None:
            return None
        if device not in self._timers:
            made = make_timer(device)
            if made is None:
                return None
            self._timers[device] = made
            self._add_harvester(made.harvest)
        return self._timers[device]


def cuda_device(model: object) -> int | None:
    """Return the number of the CUDA device of a model's first parameter; None on other devices."""
    parameters = getattr(model, "parameters", None)
    parameter = next(iter(parameters()), None) if callable(parameters) else None
    device = getattr(parameter, "device", None)
    return device.index if device is not None and device.type == "cuda" else None


def make_timer(device: int) -> GpuTimer | None:
    """Return a timer for this CUDA device; None where events do not work, as on ROCm."""
    try:
        timer = _native.CudaEventTimer(_CAPACITY, reader=True, device=device)
    except RuntimeError:
        return None
    # A model on a GPU means that torch is imported; this package itself must not import it.
    current_stream = sys.modules["torch"].cuda.current_stream
    return GpuTimer(timer, lambda: int(current_stream(device).cuda_stream))
