"""When requests are planned: absolute offsets from the start of a load, computed before it begins.

An open loop plans each request at its own instant, whatever the server does. A closed loop has clients, each of which
sends its next request when its last one ends. Offsets are whole nanoseconds, and the same seed gives the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from inference_bench._native import Pacer
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPEN = ("constant", "poisson", "gamma", "ramp", "trace", "offline")
CLOSED = ("single_stream", "concurrent")
SCENARIOS = (*CLOSED, *OPEN)

_HIGHEST_RATE = 1e6
"""Requests per second. A faster load is one burst: ``offline``."""
_MOST_REQUESTS = 10_000_000
_MOST_CLIENTS = 1_000_000
_LONGEST_NS = 366 * 86_400 * NS_PER_S
_VARIATIONS = (0.001, 10.0)
"""Coefficients of variation that the native gamma schedule accepts (shape 1,000,000 to 0.01), apart from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """When the requests of a load are planned.

    Attributes:
        scenario: one of ``SCENARIOS``.
        requests: number of requests.
        offsets_ns: of an open loop: each request's instant after the start, never decreasing, shape (requests,).
        concurrency: of a closed loop: number of clients; 0 in an open loop.
    """

    scenario: str
    requests: int
    offsets_ns: NDArray[np.int64] | None = None
    concurrency: int = 0

    @property
    def offered_rate(self) -> float | None:
        """Requests per second from the first planned instant to the last; None if it has no duration."""
        if self.offsets_ns is None or self.offsets_ns[-1] == self.offsets_ns[0]:
            return None
        return (self.requests - 1) * NS_PER_S / float(self.offsets_ns[-1] - self.offsets_ns[0])


def single_stream(requests: int) -> Arrivals:
    """Plan one client: a request is sent when the one before has ended."""
    return Arrivals("single_stream", _checked_requests(requests), concurrency=1)


def concurrent(clients: int, requests: int) -> Arrivals:
    """Plan a number of clients, each of which sends its next request when its last one has ended."""
    _check_whole("concurrency", clients, 1, _MOST_CLIENTS, "clients")
    return Arrivals("concurrent", _checked_requests(requests), concurrency=clients)


def offline(requests: int) -> Arrivals:
    """Plan all requests at the start."""
    return _open("offline", np.zeros(_checked_requests(requests), np.int64))


def constant(rate: float, requests: int) -> Arrivals:
    """Plan equal gaps of 1 / ``rate`` seconds; the first request lies one gap after the start, as everywhere here."""
    return _open("constant", _offsets(rate, requests, variation=0, seed=0))


def poisson(rate: float, requests: int, seed: int) -> Arrivals:
    """Plan exponential gaps with the mean 1 / ``rate`` seconds. Nothing is rescaled: the total varies as it should."""
    return _open("poisson", _offsets(rate, requests, variation=1, seed=seed))


def gamma(rate: float, requests: int, variation: float, seed: int) -> Arrivals:
    """Plan gamma gaps with the mean 1 / ``rate`` and a coefficient of variation: 1 is Poisson, more is burstier."""
    return _open("gamma", _offsets(rate, requests, variation, seed))


def ramp(first_rate: float, last_rate: float, requests: int, *, variation: float = 0, seed: int = 0) -> Arrivals:
    """Plan a rate that changes linearly over time from the first to the last within the load.

    The rate at t is a + (b - a) t / D, and its integral over the duration D = 2 n / (a + b) is the number of requests.
    A schedule of rate 1 is mapped through the inverse of that integral, so that with ``variation`` 0 the i-th request
    lies where the integral reaches i, and with 1 the load is a Poisson process of that rate (Lewis and Shedler 1979).
    After D, which random gaps may pass, the rate stays at the last.

    Raises:
        InvalidValueError: a rate outside of the limits; the first one may be 0.
    """
    if first_rate != 0:
        _check_rate("first rate", first_rate)
    _check_rate("rate", last_rate)
    unit = _offsets(1.0, requests, variation, seed).astype(np.float64) / NS_PER_S
    duration_s = 2 * requests / (first_rate + last_rate)
    within = np.minimum(unit, requests)
    slope = (last_rate - first_rate) / duration_s
    # The root of a t + slope t^2 / 2 = u in the form that neither cancels nor divides by a slope of 0.
    seconds = 2 * within / (first_rate + np.sqrt(np.maximum(first_rate**2 + 2 * slope * within, 0)))
    seconds += (unit - within) / last_rate
    return _open("ramp", np.floor(_checked_length(seconds * NS_PER_S)).astype(np.int64))


def trace(times_ns: Iterable[int], *, speed_up: float = 1.0) -> Arrivals:
    """Plan the instants of a recorded load, from its first request on, ``speed_up`` times as fast.

    Raises:
        InvalidValueError: no times, times that decrease, or a speed-up that is not a positive number.
    """
    if not (math.isfinite(speed_up) and speed_up > 0):
        raise InvalidValueError("speed-up", speed_up, "a number above 0: 2 plays a trace twice as fast")
    times = list(times_ns)
    _checked_requests(len(times))
    for number, (earlier, later) in enumerate(pairwise(times), 2):
        if later < earlier:
            raise InvalidValueError(f"time of request {number}", later, f"at least {earlier} ns, the one before it")
    passed = np.array([time - times[0] for time in times], np.float64)
    return _open("trace", np.floor(_checked_length(passed / speed_up)).astype(np.int64))


def planned(
    scenario: str,
    requests: int,
    *,
    rate: float = 1.0,
    first_rate: float = 0.0,
    variation: float = 1.0,
    concurrency: int = 1,
    seed: int = 0,
) -> Arrivals:
    """Return the arrivals of a scenario by its name; each takes what it needs. A trace has times of its own.

    Raises:
        UnknownNameError: no such scenario.
        InvalidValueError: a number outside of its limits.
    """
    if scenario == "single_stream":
        return single_stream(requests)
    if scenario == "concurrent":
        return concurrent(concurrency, requests)
    if scenario == "offline":
        return offline(requests)
    if scenario == "constant":
        return constant(rate, requests)
    if scenario == "poisson":
        return poisson(rate, requests, seed)
    if scenario == "gamma":
        return gamma(rate, requests, variation, seed)
    if scenario == "ramp":
        return ramp(first_rate, rate, requests, seed=seed)
    if scenario == "trace":
        raise InvalidValueError("scenario", scenario, "a trace file, which says when", "Give one as the source.")
    raise UnknownNameError("scenario", scenario, SCENARIOS)


def _offsets(rate: float, requests: int, variation: float, seed: int) -> NDArray[np.int64]:
    """Return random or equal gaps added up, by the native pacer's schedule."""
    _check_rate("rate", rate)
    _checked_requests(requests)
    _check_whole("seed", seed, 0, 2**64 - 1, "of 64 bits")
    least, most = _VARIATIONS
    if not (variation == 0 or least <= variation <= most):
        raise InvalidValueError("coefficient of variation", variation, f"0 (equal gaps), or {least:g} to {most:g}")
    _checked_length(np.array([requests / rate * NS_PER_S]))
    try:
        pacer = _pacer(rate, requests, variation, seed)
    except ValueError as error:  # the sum of random gaps is known only once they are drawn
        raise InvalidValueError(
            "schedule", f"{requests} requests at {rate:g}/s", "one that can be planned", f"{error}"
        ) from None
    return np.array(pacer.schedule(), np.int64)


def _pacer(rate: float, requests: int, variation: float, seed: int) -> Pacer:
    if variation == 0:
        return Pacer.constant(rate, requests)
    if variation == 1:
        return Pacer.poisson(rate, requests, seed=seed)
    return Pacer.gamma(rate, requests, shape=1 / variation**2, seed=seed)


def _open(scenario: str, offsets_ns: NDArray[np.int64]) -> Arrivals:
    offsets_ns.setflags(write=False)
    return Arrivals(scenario, len(offsets_ns), offsets_ns)


def _check_rate(what: str, rate: float) -> None:
    if not 0 < rate <= _HIGHEST_RATE:  # written so that NaN fails
        expected = f"more than 0 and at most {_HIGHEST_RATE:,.0f} requests per second"
        raise InvalidValueError(what, rate, expected, "The scenario offline sends all at once.")


def _checked_requests(requests: int) -> int:
    _check_whole("requests", requests, 1, _MOST_REQUESTS, "requests")
    return requests


def _check_whole(what: str, given: float, least: int, most: int, unit: str) -> None:
    if not isinstance(given, int) or not least <= given <= most:
        raise InvalidValueError(what, given, f"a whole number from {least:,} to {most:,} {unit}")


def _checked_length(offsets_ns: NDArray[np.float64]) -> NDArray[np.float64]:
    if not offsets_ns[-1] <= _LONGEST_NS:
        days = offsets_ns[-1] / NS_PER_S / 86_400
        raise InvalidValueError(
            "length of the load", f"{days:.3g} days", "at most 366", "Raise the rate or send fewer."
        )
    return offsets_ns
