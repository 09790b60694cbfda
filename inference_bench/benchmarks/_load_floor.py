"""The floor of a load: what the client itself adds, by the same load on a server that does nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.benchmarks._load_scores import failures
from inference_bench.benchmarks._request_samples import token_gaps
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.metrics import QUANTILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.offered_load import Floor, Load, ServedLoad, ServedRequest

SERVED = {"first_token": "request_ttft", "whole": "request_latency"}
SINGLE = {"first_token": "ttft", "whole": "e2e"}
"""Which metrics the times of a request are called by: under a load, and of a single stream."""


def record_floor(
    server: LoadServer, load: Load, served: ServedLoad, measurement: Measurement, names: Mapping[str, str] = SERVED
) -> None:
    """Carry out a load on a server that does nothing, in the first process of a case, and record what it took.

    Args:
        server: the client that carried the load out.
        load: as it was carried out.
        served: what became of it.
        measurement: gets the rows and the figures.
        names: ``SERVED`` or ``SINGLE``.
    """
    if measurement.run > 0 or not any(request.is_ok for request in served.requests):
        return
    floor = server.floor(load, served)
    if floor is None:
        return
    add_rows(measurement, "floor", floor.load.requests)
    if lost := failures(floor.load.requests):
        measurement.notes.append(f"INVALID: the null server answers at once, and yet requests to it failed: {lost}")
    values = defaultdict(list)
    for request in floor.load.requests:
        if request.is_ok:
            for name, value in _added(request, floor):
                values[names.get(name, name)].append(value)
    measurement.floor |= {metric: _quantiles(of) for metric, of in values.items()}


def _added(request: ServedRequest, floor: Floor) -> Iterator[tuple[str, int]]:
    """Yield what the client added to each time of a request: the time less what the server waits by its script."""
    answer = request.answer
    yield "dispatch_lag", request.lag_ns
    if (first_ns := answer.first_content_ns) is not None:
        yield "first_token", first_ns - answer.planned_ns - floor.first_token_ns
    gaps = list(token_gaps(answer.pieces))
    yield from (("itl", abs(gap_ns - floor.token_gap_ns)) for _, _, gap_ns in gaps)
    yield "whole", request.latency_ns - floor.first_token_ns - len(gaps) * floor.token_gap_ns
    yield from (
        ("client_lag", piece.read_ns - piece.time_ns) for piece in answer.pieces if piece.read_ns != piece.time_ns
    )


def _quantiles(values: Sequence[int]) -> dict[str, float]:
    """Return the quantiles that so many values support."""
    return {
        name: float(np.quantile(values, of, method="inverted_cdf"))
        for name, of in QUANTILES.items()
        if len(values) * (1 - of) >= 1 or of == QUANTILES["p50"]
    }
