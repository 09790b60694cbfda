"""Latency of a model that serves concurrent requests under load."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._lengths import check_length, fitting
from inference_bench.benchmarks._load_generator import OPEN, SCENARIOS, Load, Served, send
from inference_bench.errors import InvalidValueError, NotApplicableError, UnknownNameError
from inference_bench.spec import Axis
from inference_bench.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Iteration, Measurement
    from inference_bench.model.interfaces import TextServer
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_AUTO_LOAD = 0.5
"""Share of a single stream's rate: a queue forms now and then, and drains."""

_WARMUPS = 3

_TOLERATED_LAG = 0.05
"""A request may be sent late by this share of the median latency, or by a millisecond if that is more."""

_KEPT = 0.99
"""Share of requests that must be on schedule for the figures to be valid."""

_KEEPS_UP = 0.9
"""Below this share of the offered rate, the queue grew throughout the measurement."""


class ServingLoadBenchmark(Benchmark):
    """Send requests by a scenario; latency counts from the scheduled time.

    ``poisson`` and ``constant`` send at ``rate`` whether or not the model keeps up; ``auto`` is half of a single
    stream's rate. ``single_stream`` and ``concurrent`` send the next request when the last one is answered, and
    ``offline`` sends all at once. A model without its own server is served with dynamic batching.
    """

    title = "Serving load"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("scenario", ("poisson",), help=", ".join(SCENARIOS)),
        Axis("rate", ("auto",), help="requests per second of poisson and constant; auto: half of one stream's rate"),
        Axis("concurrency", (4,), help="number of clients, for concurrent"),
        Axis("requests", (32,), help="number of requests"),
        Axis("max_batch_size", (8,), help="most requests in one batch"),
        Axis("input_length", (64,), help="tokens of the prompt"),
        Axis("new_tokens", (16,), help="tokens to generate; end-of-sequence is ignored"),
    )
    headline = ("request_latency", "request_ttft", "dispatch_lag", "achieved_rate", "on_schedule")
    suites = ("full",)

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports."""
        return fitting(cls.axes, model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse an unknown scenario, an invalid rate, and more tokens than the model supports."""
        model.require("generate")
        check_length(model, case)
        if case.parameters["scenario"] not in SCENARIOS:
            raise UnknownNameError("scenario", str(case.parameters["scenario"]), SCENARIOS)
        _rate(case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Warm up with a single stream, then run the load once to its last answer."""
        import asyncio

        asyncio.run(_measure(_server(model, case.integer("max_batch_size")), case, measurement))


def _rate(case: Case) -> float | None:
    """Return the requests per second, or None for ``auto``.

    Raises:
        InvalidValueError: neither a positive number nor ``auto``.
    """
    given = case.parameters["rate"]
    if given == "auto":
        return None
    try:
        rate = float(given)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1e6:
        raise InvalidValueError("rate", given, "requests per second, more than 0, or auto")
    return rate


def _server(model: Model, max_batch_size: int) -> TextServer:
    from inference_bench.benchmarks._batcher import Batcher

    try:
        return model.server(max_batch_size)
    except NotApplicableError:
        return Batcher(model.batch_generator(), max_batch_size)


async def _measure(server: TextServer, case: Case, measurement: Measurement) -> None:
    load = Load(
        scenario=str(case.parameters["scenario"]),
        requests=case.integer("requests"),
        input_length=case.integer("input_length"),
        new_tokens=case.integer("new_tokens"),
        concurrency=case.integer("concurrency"),
        seed=case.setup.seed,
    )
    try:
        alone = await send(server, Load("single_stream", 1 + _WARMUPS, load.input_length, load.new_tokens))
        rate = _rate(case) or _AUTO_LOAD * NS_PER_S / median(served.latency_ns for served in alone[1:])
        with measurement.window():
            served = await send(
                server, replace(load, rate=rate), lambda answers: measurement.progress(answers, load.requests)
            )
    finally:
        await server.close()
    for iteration, request in zip(measurement.repetitions(load.requests), [alone[0], *served], strict=True):
        _record(iteration, request)
    _score(served, load.scenario in OPEN, measurement)


def _record(iteration: Iteration, request: Served) -> None:
    """Turn the times of one request into samples, by the formulas in ``metrics``."""
    scheduled, tokens = request.scheduled_ns, request.token_ns
    iteration.record("dispatch_lag", request.lag_ns, start_ns=scheduled)
    iteration.record("request_ttft", tokens[0] - scheduled, start_ns=scheduled)
    iteration.record("request_latency", request.latency_ns, start_ns=scheduled)
    for step, (earlier, later) in enumerate(pairwise(tokens), 2):
        iteration.record("itl", later - earlier, start_ns=earlier, step=step)


def _score(served: Sequence[Served], is_open: bool, measurement: Measurement) -> None:
    """Score the offered and achieved rates, and whether the generator kept its schedule."""
    began_ns = served[0].scheduled_ns
    ended_ns = max(request.token_ns[-1] for request in served)
    achieved = len(served) * NS_PER_S / (ended_ns - began_ns)
    measurement.score("achieved_rate", "load", "whole", achieved)
    tokens = sum(len(request.token_ns) for request in served)
    measurement.score("served_tokens", "load", "whole", tokens * NS_PER_S / (ended_ns - began_ns))
    if not is_open:
        return
    spread_ns = served[-1].scheduled_ns - began_ns
    if spread_ns > 0:
        offered = (len(served) - 1) * NS_PER_S / spread_ns
        measurement.score("offered_rate", "load", "whole", offered)
        if achieved < _KEEPS_UP * offered:
            measurement.notes.append(
                f"the model did not keep up: {offered:.3g} requests per second were offered, {achieved:.3g} answered, "
                "so the queue grew throughout and the latencies depend on the run's length"
            )
    tolerated_ns = max(NS_PER_MS, _TOLERATED_LAG * median(request.latency_ns for request in served))
    kept = [request.lag_ns <= tolerated_ns for request in served]
    for number, is_kept in enumerate(kept):
        measurement.score("on_schedule", "load", f"request {number}", float(is_kept))
    if sum(kept) < _KEPT * len(kept):
        measurement.notes.append(
            f"INVALID: {len(kept) - sum(kept)} of {len(kept)} requests were sent more than "
            f"{tolerated_ns / NS_PER_MS:.3g} ms after their time: the generator, not the model, set the pace"
        )
