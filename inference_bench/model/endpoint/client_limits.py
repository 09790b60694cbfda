"""Whether the client touched the figures of a load, and what it was held up by without doing so.

An event's time is the kernel's stamp of its arrival, which a client that is held up does not move. What it does move is
the time of a send, and of what it reads without a stamp; a read that comes late also delays what follows it in a closed
loop. So it is counted how many requests and events were touched, and not for how long the client stood still.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.endpoint.received import integers
from inference_bench.model.offered_load import ServedRequest
from inference_bench.units import NS_PER_MS, counted, format_ns

if TYPE_CHECKING:
    from inference_bench._native import HttpLoad

MOST_CONNECTIONS = 4096
"""Connections that a load may have open at once."""

_TOUCHED = 0.01
"""Share of requests, or of events, that may be touched: no quantile up to p99, the highest one shown, rests on them."""

_LATE_NS, _LATE = NS_PER_MS, 0.05
"""A request or an event is touched if it is late by this time, and by this share of the median TTFT."""

_STOOD_STILL = 0.01
"""Share of the time of a load in which the thread may be held up without being told."""

_ADVICE = "Reserve a CPU for the client, or lower the load"


@dataclass(frozen=True, slots=True)
class ClientAccount:
    """What the client did to a load.

    Attributes:
        limits: why it and not the server set the pace or touched the figures, one sentence each.
        held_up: how long it stood still although that touched too little to matter; empty if hardly at all.
        cpu: CPU time of its thread over the time of the load; None if nothing ended.
    """

    limits: tuple[str, ...]
    held_up: str
    cpu: float | None


def client_account(http: HttpLoad, requests: Sequence[ServedRequest]) -> ClientAccount:
    """Return what the client did to a load that is over."""
    stalls = http.stalls()
    held_up_ns = integers(stalls, "ended_ns") - integers(stalls, "began_ns")
    return account_of(requests, held_up_ns.tolist(), http.cpu_ns)


def account_of(requests: Sequence[ServedRequest], held_up_ns: Sequence[int], cpu_ns: int) -> ClientAccount:
    """Return what the client did to a load.

    Args:
        requests: what became of them.
        held_up_ns: how long each time that its thread stood still lasted.
        cpu_ns: CPU time of its thread.
    """
    late_ns = _late_ns(requests)
    sends, events = _touched_sends(requests, late_ns), _touched_events(requests, late_ns)
    limits = tuple(filter(None, (_connections(requests), _sends(sends, late_ns), _events(events, late_ns))))
    lasted_ns = _lasted_ns(requests)
    held_up = "" if limits else _held_up(held_up_ns, lasted_ns, sends, events)
    return ClientAccount(limits, held_up, cpu_ns / lasted_ns if lasted_ns else None)


def _late_ns(requests: Sequence[ServedRequest]) -> float:
    answers = [request.answer for request in requests if request.is_ok]
    first = [answer.first_content_ns - answer.planned_ns for answer in answers if answer.first_content_ns is not None]
    return max(_LATE_NS, _LATE * median(first)) if first else _LATE_NS


def _lasted_ns(requests: Sequence[ServedRequest]) -> int:
    began_ns = min((request.answer.planned_ns for request in requests), default=0)
    return max(0, max((request.answer.ended_ns for request in requests), default=0) - began_ns)


def _touched_sends(requests: Sequence[ServedRequest], late_ns: float) -> float:
    """Return the share of the requests that were sent too late."""
    sent = [request.lag_ns for request in requests if request.answer.sent_ns >= 0]
    return float(np.mean(np.array(sent) > late_ns)) if sent else 0.0


def _touched_events(requests: Sequence[ServedRequest], late_ns: float) -> float:
    """Return the share of the events that were read too late, or whose only time is that of a thread held up."""
    pieces = [piece for request in requests for piece in request.answer.pieces]
    touched = (
        piece.read_ns - piece.time_ns > late_ns or (piece.stalled and piece.read_ns == piece.time_ns)
        for piece in pieces
    )
    return sum(touched) / len(pieces) if pieces else 0.0


def _sends(share: float, late_ns: float) -> str:
    if share <= _TOUCHED:
        return ""
    return f"{share:.1%} of the requests were sent more than {format_ns(late_ns)} late. {_ADVICE}"


def _events(share: float, late_ns: float) -> str:
    if share <= _TOUCHED:
        return ""
    return f"{share:.1%} of the events were read more than {format_ns(late_ns)} after they had arrived. {_ADVICE}"


def _held_up(held_up_ns: Sequence[int], lasted_ns: int, sends: float, events: float) -> str:
    stood_ns = sum(held_up_ns)
    if stood_ns <= _STOOD_STILL * lasted_ns:
        return ""
    return (
        f"its thread stood still for {stood_ns / lasted_ns:.1%} of the load ({format_ns(stood_ns)}, "
        f"{counted(len(held_up_ns), 'time')}), which touched {sends:.2%} of the requests and {events:.2%} of the events"
    )


def _connections(requests: Sequence[ServedRequest]) -> str:
    """Judge whether all connections were in use at once."""
    instants = [(request.answer.sent_ns, 1) for request in requests if request.answer.sent_ns >= 0]
    instants += [(request.answer.ended_ns, -1) for request in requests if request.answer.sent_ns >= 0]
    open_now = np.cumsum([change for _, change in sorted(instants)]) if instants else np.zeros(1, np.int64)
    most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if open_now.max() < most:
        return ""
    return (
        f"all {most} connections were in use at once, so requests waited for one. Lower the rate, or raise the limit "
        "of open files (ulimit -n)"
    )
