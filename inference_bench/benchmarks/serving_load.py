"""Latency of a model that serves concurrent requests under load."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._batcher import Batcher
from inference_bench.benchmarks._lengths import check_length, fitting
from inference_bench.benchmarks._load_floor import record_floor
from inference_bench.benchmarks._load_generator import InProcessLoadServer
from inference_bench.benchmarks._load_scores import failures, score_load
from inference_bench.benchmarks._request_samples import record_request
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.endpoint.arrivals import OPEN, SCENARIOS
from inference_bench.errors import EndpointError, InvalidValueError, NotApplicableError, UnknownNameError
from inference_bench.model.offered_load import Load
from inference_bench.spec import Axis
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.model import Model
    from inference_bench.model.offered_load import ServedLoad
    from inference_bench.plan import Case

_AUTO_LOAD = 0.5
"""Share of a single stream's rate: a queue forms now and then, and drains."""

_WARMUPS = 3


class ServingLoadBenchmark(Benchmark):
    """Send requests by a scenario; latency counts from the scheduled time.

    ``poisson``, ``constant`` and ``gamma`` send at ``rate`` whether or not the model keeps up, and ``ramp`` from
    ``first_rate`` to ``rate``; ``auto`` is half of a single stream's rate. ``single_stream`` and ``concurrent`` send
    the next request when the last one is answered, and ``offline`` sends all at once. A model without its own server is
    served with dynamic batching; an endpoint is sent the requests over HTTP.
    """

    title = "Serving load"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("scenario", ("poisson",), help=", ".join(SCENARIOS)),
        Axis("rate", ("auto",), help="requests per second, of ramp the last one; auto: half of one stream's rate"),
        Axis("first_rate", (0,), minimum=0, help="requests per second at which a ramp begins"),
        Axis("variation", (1,), minimum=0, help="coefficient of variation of the gaps, for gamma; above 1: bursts"),
        Axis("concurrency", (4,), help="number of clients, for concurrent"),
        Axis("requests", (32,), help="number of requests"),
        Axis("max_batch_size", (8,), help="most requests in one batch"),
        Axis("input_length", (64,), help="tokens of the prompt"),
        Axis("new_tokens", (16,), help="tokens to generate; end-of-sequence is ignored"),
        Axis("prefix_cache", ("unique",), help="what the prompts sent to an endpoint share: unique, shared=0.5, warm"),
    )
    headline = ("request_latency", "request_ttft", "dispatch_lag", "achieved_rate", "on_schedule")
    suites = ("full",)

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports; an endpoint has no batches of ours."""
        other = "max_batch_size" if "serve" in model.abilities else "prefix_cache"
        return fitting(tuple(axis for axis in cls.axes if axis.name != other), model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse an unknown scenario, an invalid rate, and more tokens than the model supports."""
        model.require("serve" if "serve" in model.abilities else "generate")
        check_length(model, case)
        if case.parameters["scenario"] not in SCENARIOS:
            raise UnknownNameError("scenario", str(case.parameters["scenario"]), SCENARIOS)
        _load_of(case).arrivals()

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Warm up with a single stream, then run the load once to its last answer."""
        load = _load_of(case)
        with closing(_load_server(model, int(case.parameters.get("max_batch_size", 1)))) as server:
            alone = _warmed_up(server, load)
            if _rate(case) is None:
                load = replace(load, rate=_AUTO_LOAD * _single_rate(alone))
            with measurement.window():
                served = server.carry_out(load, lambda ended: measurement.progress(ended, load.requests))
            _record(load, alone, served, measurement)
            record_floor(server, load, served, measurement)


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


def _number(name: str, given: int | str, *, least: float) -> float:
    """Return a number that an axis was given.

    Raises:
        InvalidValueError: it is none, or less than the least.
    """
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise InvalidValueError(name.replace("_", " "), given, f"a number of at least {least:g}")
    return value


def _load_server(model: Model, max_batch_size: int) -> LoadServer:
    """Return what carries out loads: the model itself, its server in this process, or dynamic batching."""
    if "serve" in model.abilities:
        return model.load_server()
    try:
        return InProcessLoadServer(model.server(max_batch_size))
    except NotApplicableError:
        return InProcessLoadServer(Batcher(model.batch_generator(), max_batch_size))


def _load_of(case: Case) -> Load:
    """Return the load that a case describes; its rate may still have to be found."""
    given = case.parameters
    return Load(
        scenario=str(given["scenario"]),
        requests=case.integer("requests"),
        input_length=case.integer("input_length"),
        new_tokens=case.integer("new_tokens"),
        rate=_rate(case) or 1.0,
        first_rate=_number("first_rate", given["first_rate"], least=0),
        variation=_number("variation", given["variation"], least=0),
        concurrency=case.integer("concurrency"),
        prefix_cache=str(given.get("prefix_cache", "unique")),
        seed=case.setup.seed,
    )


def _warmed_up(server: LoadServer, load: Load) -> ServedLoad:
    """Return what became of the first requests, one after the other.

    Raises:
        EndpointError: none was answered.
    """
    alone = server.carry_out(
        Load("single_stream", 1 + _WARMUPS, load.input_length, load.new_tokens, prefix_cache=load.prefix_cache)
    )
    if not any(request.is_ok for request in alone.requests):
        raise EndpointError(f"no request was answered: {failures(alone.requests)}. Nothing was measured.")
    return alone


def _single_rate(alone: ServedLoad) -> float:
    """Return the requests per second of a single stream, without the first one if possible."""
    answered = [request.latency_ns for request in alone.requests if request.is_ok]
    return NS_PER_S / median(answered[1:] or answered)


def _record(load: Load, alone: ServedLoad, served: ServedLoad, measurement: Measurement) -> None:
    """Record rows, scores and samples; a request that failed, or was not answered as asked, has no samples."""
    add_rows(measurement, "warmup", alone.requests)
    add_rows(measurement, "measured", served.requests)
    has_figures = score_load(served, is_open=load.scenario in OPEN, measurement=measurement)
    rows = [alone.requests[0], *served.requests]
    for iteration, request in zip(measurement.repetitions(load.requests), rows, strict=True):
        if has_figures and request.counts:
            record_request(iteration, request)
