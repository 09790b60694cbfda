"""The measurement of a load: warm-up, the load itself, what is recorded of it, and its floor."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from inference_bench.benchmarks._api import api_of
from inference_bench.benchmarks._batcher import Batcher
from inference_bench.benchmarks._both_sides import note_both_sides
from inference_bench.benchmarks._load_floor import record_floor
from inference_bench.benchmarks._load_generator import InProcessLoadServer
from inference_bench.benchmarks._load_of_case import load_of
from inference_bench.benchmarks._load_scores import failures, score_load
from inference_bench.benchmarks._request_samples import record_request
from inference_bench.benchmarks._request_tables import add_readings, add_rows
from inference_bench.errors import EndpointError, NotApplicableError
from inference_bench.model.offered_load import Load, ServedLoad
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

AUTO_LOAD = 0.5
"""Share of a single stream's rate: a queue forms now and then, and drains."""

_WARMUPS = 3

_TARGETS = ("request_latency",)
"""What further processes are measured for, until it is as precise as asked for."""


def measure_load(model: Model, case: Case, measurement: Measurement) -> None:
    """Warm up with a single stream, then run the load once to its last answer, and record it.

    Raises:
        EndpointError: the first request was not answered.
    """
    load = load_of(case)
    with closing(load_server(model, case)) as server:
        alone = warmed_up(server, load)
        if load.needs_rate:
            load = replace(load, rate=AUTO_LOAD * single_rate(alone))
        with measurement.window():
            served = server.carry_out(load, lambda ended: measurement.progress(ended, load.requests))
        _record(load, alone, served, measurement)
        measurement.interrupted = served.interrupted
        if not served.interrupted:
            record_floor(server, load, served, measurement)


def load_server(model: Model, case: Case) -> LoadServer:
    """Return what carries out loads: the model itself, its server in this process, or dynamic batching."""
    if "serve" in model.abilities:
        return model.load_server(api_of(case))
    max_batch_size = int(case.parameters.get("max_batch_size", 1))
    try:
        return InProcessLoadServer(model.server(max_batch_size))
    except NotApplicableError:
        return InProcessLoadServer(Batcher(model.batch_generator(), max_batch_size))


def warmed_up(server: LoadServer, load: Load) -> ServedLoad:
    """Return what became of the first requests, one after the other.

    Raises:
        EndpointError: the first was not answered.
    """
    alone = replace(load, scenario="single_stream", requests=1)
    first = server.carry_out(alone).requests
    if not first[0].is_ok:
        raise EndpointError(f"the first request was not answered: {failures(first)}. Nothing was measured.")
    return ServedLoad((*first, *server.carry_out(replace(alone, requests=_WARMUPS)).requests))


def single_rate(alone: ServedLoad) -> float:
    """Return the requests per second of a single stream, without the first one if possible."""
    answered = [request.latency_ns for request in alone.requests if request.is_ok]
    return NS_PER_S / median(answered[1:] or answered)


def _record(load: Load, alone: ServedLoad, served: ServedLoad, measurement: Measurement) -> None:
    """Record rows, scores and samples; a request that failed, or was not answered as asked, has no samples."""
    add_rows(measurement, "warmup", alone.requests)
    add_rows(measurement, "measured", served.requests)
    add_readings(measurement, "measured", served.server_readings)
    note_both_sides(measurement, served.requests)
    has_figures = score_load(served, is_open=load.is_open, measurement=measurement)
    rows = [alone.requests[0], *served.requests]
    for iteration, request in zip(measurement.one_window(len(served.requests), _TARGETS), rows, strict=True):
        if has_figures and request.counts:
            record_request(iteration, request)
