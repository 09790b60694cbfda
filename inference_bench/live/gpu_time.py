"""What a GPU takes for a live model, by CUDA events that are read when it has long passed them: nobody waits for it."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import inference_bench._native as _native

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

NONE = -1
"""The interval that was not begun."""

_CAPACITY = 256
"""Intervals that the GPU may lag behind by, at first; the native timer grows when they do not suffice."""
_MOST_WAITING = 65_536
"""Intervals that are remembered until they are read; older ones were lost for want of events."""


class GpuTimer:
    """Times intervals of a device's current stream into histograms.

    An interval lies between two events in the stream: it begins when the device reaches the first, so time that work
    waits behind that of other requests is not in it; time that the device waits for the host is. Whatever goes wrong
    (a fork, a stream that is being captured) loses an interval and never raises: what is timed is somebody's request.

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
        """Record the first event; what is returned goes to ``end``, in the same thread or another."""
        try:
            interval = self._timer.begin(self._current_stream())
        except RuntimeError:  # a forked child, or more intervals open than there can be
            return NONE
        self._waiting[interval] = histogram
        return interval

    def end(self, interval: int) -> None:
        """Record the other event."""
        if interval == NONE:
            return
        try:
            self._timer.end(interval)
        except (RuntimeError, ValueError):
            self._waiting.pop(interval, None)

    def around(self, method: Callable[..., Any], histogram: _native.Histogram) -> Callable[..., Any]:
        """Wrap a method so that every call is an interval."""

        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            interval = self.begin(histogram)
            try:
                return method(*args, **kwargs)
            finally:
                self.end(interval)

        return timed

    def harvest(self, *, wait: bool = False) -> None:
        """Observe what the device has passed since the last time; the collector's thread does so on its grid.

        Args:
            wait: for all intervals that have ended.
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
    """The timers of one profiler, one a device."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self._timers: dict[int, GpuTimer] = {}

    def of(self, model: Any) -> GpuTimer | None:
        """Return the timer of the CUDA device that a model lies on; None on any other, or where events do not work."""
        device = cuda_device(model)
        if device is None:
            return None
        if device not in self._timers:
            made = make_timer(device)
            if made is None:
                return None
            self._timers[device] = made
            self._profiler.add_harvester(made.harvest)
        return self._timers[device]


def cuda_device(model: Any) -> int | None:
    """Return the number of the CUDA device that a model's first parameter lies on."""
    parameters = getattr(model, "parameters", None)
    parameter = next(iter(parameters()), None) if callable(parameters) else None
    device = getattr(parameter, "device", None)
    return device.index if device is not None and device.type == "cuda" else None


def make_timer(device: int) -> GpuTimer | None:
    """Return a timer of this CUDA device, or None where events do not work, as on ROCm."""
    try:
        timer = _native.CudaEventTimer(_CAPACITY, reader=True, device=device)
    except RuntimeError:
        return None
    # Whoever has a model on a GPU has imported torch; this package serves those who have not, too.
    current_stream = sys.modules["torch"].cuda.current_stream
    return GpuTimer(timer, lambda: int(current_stream(device).cuda_stream))
