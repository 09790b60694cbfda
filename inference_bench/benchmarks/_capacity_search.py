"""The search for a capacity: windows of a load at several rates, in one process."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.analysis.serving.capacity import find_capacity
from inference_bench.benchmarks._capacity_window import window_of
from inference_bench.benchmarks._load_measurement import AUTO_LOAD, load_server, single_rate, warmed_up
from inference_bench.benchmarks._load_of_case import load_of
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.errors import InferenceBenchError
from inference_bench.result import CLIENT_LIMIT
from inference_bench.slo import parse_slos

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.analysis.serving.capacity import Capacity
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.benchmarks._capacity_window import Window
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.model import Model
    from inference_bench.model.offered_load import Load
    from inference_bench.plan import Case
    from inference_bench.slo import Slo


def measure_capacity(model: Model, case: Case, measurement: Measurement) -> None:
    """Warm up with a single stream, then search, and record the capacity with all windows.

    Raises:
        EndpointError: no request was answered.
        InferenceBenchError: the client set the pace at every rate.
    """
    load = load_of(case)
    with closing(load_server(model, case)) as server:
        alone = warmed_up(server, load)
        add_rows(measurement, "warmup", alone.requests)
        search = Search(server, load, parse_slos(str(case.parameters["slo"])), measurement)
        # Each process begins elsewhere, so that the interval over processes contains the step of the search.
        first_rate = (load.rate or AUTO_LOAD * single_rate(alone)) * search.random.uniform(1, 2)
        with measurement.window():
            found = find_capacity(search.passes, first_rate)
    if not found.rate and search.windows[-1].client_limit:
        raise InferenceBenchError(f"no capacity: {search.windows[-1]}. Measure on a quieter machine.")
    detail = {"fails_at": found.fails_at, "windows": [window.plain for window in search.windows]}
    measurement.score("capacity", "load", "whole", found.rate, detail=detail)
    measurement.notes += _notes(found, search.windows)


class Search:
    """Sends the windows of one process, and remembers them.

    Attributes:
        random: first rate and schedules; the same in the same process of another run.
        windows: in the order in which they were sent.
    """

    def __init__(self, server: LoadServer, load: Load, slos: Sequence[Slo], measurement: Measurement) -> None:
        self.random = random.Random(f"{load.seed} {measurement.run}")
        self.windows: list[Window] = []
        self._server, self._load, self._slos, self._measurement = server, load, slos, measurement

    def passes(self, rate: float) -> bool | None:
        """Send a window and return whether it passed; None if the client set the pace, twice."""
        window = self._send(rate)
        return self._send(rate).passes if window.passes is None else window.passes

    def _send(self, rate: float) -> Window:
        load, measurement = replace(self._load, rate=rate, seed=self.random.getrandbits(31)), self._measurement
        served = self._server.carry_out(load, lambda ended: measurement.progress(ended, load.requests))
        window = window_of(rate, served, self._slos, measurement.limits)
        self.windows.append(window)
        add_rows(measurement, f"window {len(self.windows)}", served.requests)
        return window


def _notes(found: Capacity, windows: Sequence[Window]) -> Iterator[str]:
    """Yield what ended the search, and from which rate on the queue grew."""
    ended = next((window for window in windows if window.rate == found.fails_at), windows[-1])
    if windows[-1].client_limit:
        yield f"{CLIENT_LIMIT}the capacity is at least {found.rate:.4g} requests per second: {windows[-1]}"
    elif not found.rate:
        yield f"no rate met the objectives: {ended}"
    elif ended.miss:
        yield f"beyond the capacity: {ended}"
    grown = [window.rate for window in windows if window.judgement.growth]
    if grown:
        yield f"over-saturated from {min(grown):.4g} requests per second on"
