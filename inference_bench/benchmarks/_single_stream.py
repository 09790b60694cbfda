"""One streamed request after another to a server, as inference speed takes them."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.benchmarks._both_sides import note_both_sides
from inference_bench.benchmarks._load_floor import SINGLE, record_floor
from inference_bench.benchmarks._load_scores import failures
from inference_bench.benchmarks._request_samples import record_single
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.errors import EndpointError
from inference_bench.model.offered_load import Load, ServedLoad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.offered_load import ServedRequest
    from inference_bench.plan import Case

_LONGEST_BLOCK = 16
_BLOCKS = 8
"""A block of requests takes at most this part of the budget, so that the stopping rule is asked often enough."""


def measure_stream(server: LoadServer, case: Case, measurement: Measurement, targets: Sequence[str]) -> None:
    """Send one request after another until the targets are precise, then measure the floor."""
    with closing(SingleStream(server, case, measurement)) as stream:
        for iteration in measurement.iterations(targets):
            record_single(iteration, stream.next())
        stream.note_both_sides()
        stream.record_floor()


class SingleStream:
    """Requests in blocks, each block on one connection; the first request of a block opens it and is not counted.

    Args:
        server: carries out the blocks.
        case: says how long prompts and answers are.
        measurement: gets the rows of all requests.
    """

    def __init__(self, server: LoadServer, case: Case, measurement: Measurement) -> None:
        self._server = server
        self._measurement = measurement
        self._load = Load("single_stream", 2, case.integer("input_length"), case.integer("new_tokens"))
        self._waiting: deque[ServedRequest] = deque()
        self._last: ServedLoad | None = None
        self._measured: list[ServedRequest] = []

    def next(self) -> ServedRequest:
        """Return the next request that was answered as asked.

        Raises:
            EndpointError: a whole block has none.
        """
        if not self._waiting:
            self._take_block()
        return self._waiting.popleft()

    def note_both_sides(self) -> None:
        """Note where the time of the measured requests went, if the server tells."""
        note_both_sides(self._measurement, self._measured)

    def record_floor(self) -> None:
        """Record what the last block takes on a server that does nothing."""
        assert self._last is not None
        record_floor(self._server, self._load, self._last, self._measurement, SINGLE)

    def close(self) -> None:
        """Close the client."""
        self._server.close()

    def _take_block(self) -> None:
        is_first = self._last is None
        served = self._server.carry_out(self._load)
        opening, *others = served.requests
        counting = [request for request in others if request.counts]
        if not counting:
            why = failures(others) or "; ".join(dict.fromkeys(clause for of in others for clause in of.broken))
            raise EndpointError(f"none of {len(others)} requests was answered as asked: {why}.")
        add_rows(self._measurement, "warmup", [opening])
        add_rows(self._measurement, "measured", others)
        self._measured += others
        if is_first:
            self._measurement.notes += served.notes
            self._waiting += [opening] if opening.counts else []  # the cold one
        self._waiting += counting
        self._last = served
        self._load = replace(self._load, requests=1 + self._block(counting))

    def _block(self, counting: list[ServedRequest]) -> int:
        """Return how many requests the next block has besides the one that opens the connection."""
        longest_ns = max(request.latency_ns for request in counting)
        wanted = self._measurement.limits.budget_ns // _BLOCKS // max(longest_ns, 1)
        return max(1, min(wanted, _LONGEST_BLOCK))
