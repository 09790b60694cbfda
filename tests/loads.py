"""Runs of a serving load with known requests, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference_bench.analysis.serving.of_result import with_slos
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._request_samples import record_request
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.endpoint.failure import Failure, FailureKind
from inference_bench.model.offered_load import ServedRequest
from inference_bench.orchestration.aggregation import Tally
from inference_bench.result import BenchmarkResult
from inference_bench.results.run import Run
from inference_bench.testing import QUICK, _answer, make_case, write_run
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.served import served_request

_BEGAN_NS = 1000 * NS_PER_S
_KINDS = (FailureKind.TIMEOUT, FailureKind.HTTP_STATUS, FailureKind.RESET)


def queued_requests(
    rate: float, count: int, *, service_ms: float = 20, tokens: int = 8, fails: int = 0, seed: int = 1
) -> list[ServedRequest]:
    """Return the requests of one server with a queue, sent at random times; every ``fails``-th one fails.

    Each tenth request is sent up to 8 ms late.
    """
    rng = np.random.default_rng(seed)
    planned = _BEGAN_NS + np.cumsum(rng.exponential(NS_PER_S / rate, count)).astype(np.int64)
    free_ns, found = 0, []
    for number, planned_ns in enumerate(planned.tolist()):
        lag_ns = int(rng.uniform(0, 8 * NS_PER_MS)) if number % 10 == 3 else int(rng.uniform(5_000, 90_000))
        begun_ns = max(planned_ns + lag_ns, free_ns)
        free_ns = begun_ns + int(service_ms * NS_PER_MS * rng.uniform(0.7, 1.3))
        token_ns = np.linspace(begun_ns + 0.4 * (free_ns - begun_ns), free_ns, tokens).astype(np.int64).tolist()
        failure = Failure(_KINDS[number % 3], "") if fails and number % fails == 1 else None
        found.append(served_request(number, planned_ns=planned_ns, lag_ns=lag_ns, token_ns=token_ns, failure=failure))
    return found


def load_result(
    processes: Sequence[Sequence[ServedRequest]], *, slos: Sequence[str] = (), **parameters: int | str
) -> BenchmarkResult:
    """Return the result of a load whose requests are known, one list per process, as it is measured."""
    case = make_case("example", "serving_load", **parameters)
    tally = Tally(case, QUICK, ("request_latency", "request_ttft"))
    for run, requests in enumerate(processes):
        measurement = Measurement(QUICK)
        add_rows(measurement, "measured", requests)
        for iteration, request in zip(measurement.repetitions(len(requests)), [requests[0], *requests], strict=True):
            if request.counts:
                record_request(iteration, request)
        tally.add(run, _answer(measurement), {"title": "Example"})
    return with_slos(tally.result(), slos)


def load_run_of(folder: Path, rates: Sequence[float] = (10, 20, 40), slos: Sequence[str] = (), **more: int) -> Run:
    """Write a run with one load per rate."""
    results = [
        load_result(
            [queued_requests(rate, 300, seed=seed, **more) for seed in (1, 2)], slos=slos, rate=rate, requests=300
        )
        for rate in rates
    ]
    return write_run(folder, *results)


def capacity_result(processes: Sequence[tuple[float, Sequence[tuple[float, float, bool]]]]) -> BenchmarkResult:
    """Return the result of a search: per process its capacity, and rate, good share and success of each window."""
    tally = Tally(make_case("example", "serving_capacity", slo="e2e.p99<=1s"), QUICK, ("capacity",))
    for run, (rate, windows) in enumerate(processes):
        measurement = Measurement(QUICK)
        plain = [
            {"rate": at, "good": {"e2e.p99<=1s": good}, "passes": passes, "miss": "" if passes else "too slow"}
            for at, good, passes in windows
        ]
        measurement.score("capacity", "load", "whole", rate, detail={"windows": plain})
        tally.add(run, _answer(measurement), {"title": "Example"})
    return tally.result()
