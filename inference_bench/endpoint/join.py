"""Requests seen from both sides: what the client stamped, joined with what the server recorded. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inference_bench.analysis.serving.stage_durations import STAGES, StageDurations
from inference_bench.endpoint.clock_offset import RoundTrip, ServerClock
from inference_bench.endpoint.received import Exchange, Received, exchanges
from inference_bench.endpoint.server_requests import ServerRequests, request_id
from inference_bench.server_stages import ASKING_HEADER, ServerStages

HEADERS = {ASKING_HEADER: "1"}
"""Headers that each request of a load carries which is to be joined."""

FAILED = "failed"
"""Why a request is left out that was not answered well."""


class JoinedRequest(NamedTuple):
    """One request over both sides, in ns; instants are on the client's clock.

    Attributes:
        request: its index in the load.
        id: its number in the server.
        received_ns: when the server's application was called with it.
        first_piece_ns: when the application handed over the first bytes of the answer; None if not recorded.
        last_piece_ns: when it handed over the last ones.
        durations_ns: of each stage, in the order of ``STAGES``.
        total_ns: from the planned instant to the arrival of the last byte.
        residual_ns: what the stages leave of the total: times between generations, and the drift between the clocks.
        uncertainty_ns: the most by which ``to server`` and ``to client`` may each be off, where the clocks are two.
    """

    request: int
    id: int
    received_ns: int
    first_piece_ns: int | None
    last_piece_ns: int
    durations_ns: tuple[int, ...]
    total_ns: int
    residual_ns: int
    uncertainty_ns: int


@dataclass(frozen=True, slots=True)
class Join:
    """A load over both sides.

    Attributes:
        requests: those that both sides have recorded.
        left_out: why others are not among them, with their number.
    """

    requests: tuple[JoinedRequest, ...]
    left_out: Mapping[str, int]

    @property
    def durations(self) -> StageDurations:
        """The stages of all its requests."""
        return durations_of(self.requests)


class _Pair(NamedTuple):
    """What both sides recorded of a request, all of it there."""

    exchange: Exchange
    id: int
    received_ns: int
    generation_ns: int
    prefill_ns: int
    decode_ns: int
    generated_ns: int
    first_piece_ns: int | None
    last_piece_ns: int

    @property
    def trip(self) -> RoundTrip:
        """The request itself as a reading of the server's clock."""
        return RoundTrip(self.exchange.sent_ns, self.received_ns, self.last_piece_ns, self.exchange.ended_ns)


def durations_of(requests: Sequence[JoinedRequest]) -> StageDurations:
    """Return the stages of requests as columns."""
    stages = np.array([each.durations_ns for each in requests], np.int64).reshape(-1, len(STAGES))
    return StageDurations(stages, np.array([each.total_ns for each in requests], np.int64))


def ids_of(load: Received) -> dict[int, int]:
    """Return the server's number of each request whose response says it."""
    found = {each.request: request_id(load.head(each.request)) for each in exchanges(load.requests())}
    return {request: number for request, number in found.items() if number is not None}


def joined(load: Received, ids: Mapping[int, int], server: ServerRequests) -> Join:
    """Join a load that has ended with what its server recorded.

    Where the clocks are two, each request is a reading of the server's clock besides those that were made for it.

    Args:
        load: its requests carried ``HEADERS``.
        ids: of ``ids_of``.
        server: what ``ask_stages`` returned for these ids.

    Raises:
        EndpointError: the clocks contradict each other.
    """
    found = [_pair(exchange, ids, server.stages) for exchange in exchanges(load.requests())]
    pairs = [each for each in found if isinstance(each, _Pair)]
    clock = ServerClock([*server.trips, *(pair.trip for pair in pairs)] if server.trips else [])
    return Join(tuple(_joined(pairs, clock)), Counter(each for each in found if isinstance(each, str)))


def _pair(exchange: Exchange, ids: Mapping[int, int], stages: Mapping[int, ServerStages]) -> _Pair | str:
    """Return both sides of a request, or why there are not both."""
    if exchange.outcome != "ok" or not 200 <= exchange.status < 300:
        return FAILED
    if exchange.request not in ids:
        return "the response has no number of the request"
    told = stages.get(ids[exchange.request])
    if told is None or told.received_ns is None or told.last_piece_ns is None:
        return "the server has no records of it"
    began_ns, prefill_ns, generated_ns = told.generation_ns, told.prefill_ns, told.generated_ns
    if began_ns is None or prefill_ns is None or generated_ns is None:
        return "the server recorded no whole generation"
    return _Pair(
        exchange,
        told.id,
        told.received_ns,
        began_ns,
        prefill_ns,
        told.decode_ns or 0,  # of a single token, nothing
        generated_ns,
        told.first_piece_ns,
        told.last_piece_ns,
    )


def _joined(pairs: Sequence[_Pair], clock: ServerClock) -> Iterable[JoinedRequest]:
    """Yield the joined requests. The way there is measured by the clock as it was then, the way back likewise."""
    there = clock.at([pair.exchange.sent_ns for pair in pairs])
    back = clock.at([pair.exchange.ended_ns for pair in pairs])
    offsets = zip(there.value_ns.tolist(), back.value_ns.tolist(), strict=True)
    uncertainties = zip(there.uncertainty_ns.tolist(), back.uncertainty_ns.tolist(), strict=True)
    for pair, (there_ns, back_ns), uncertainty_ns in zip(pairs, offsets, uncertainties, strict=True):
        durations_ns = _durations_ns(pair, there_ns, back_ns)
        total_ns = pair.exchange.ended_ns - pair.exchange.planned_ns
        yield JoinedRequest(
            pair.exchange.request,
            pair.id,
            pair.received_ns - there_ns,
            None if pair.first_piece_ns is None else pair.first_piece_ns - there_ns,
            pair.last_piece_ns - back_ns,
            durations_ns,
            total_ns,
            total_ns - sum(durations_ns),
            max(uncertainty_ns),
        )


def _durations_ns(pair: _Pair, there_ns: int, back_ns: int) -> tuple[int, ...]:
    """Return the duration of each stage; ``there_ns`` and ``back_ns`` are the offsets of the server's clock."""
    client = pair.exchange
    connect_ns = client.connect_ns + client.tls_ns
    over_ns = max(pair.generated_ns - pair.last_piece_ns, 0)  # generations that end after the last byte was handed over
    return (
        client.sent_ns - client.planned_ns - connect_ns,
        connect_ns,
        pair.received_ns - there_ns - client.sent_ns,
        pair.generation_ns - pair.received_ns,
        pair.prefill_ns,
        pair.decode_ns - over_ns,
        pair.last_piece_ns - pair.generated_ns + over_ns,
        client.ended_ns - (pair.last_piece_ns - back_ns),
    )
