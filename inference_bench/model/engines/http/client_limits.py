"""Whether the client, not the server, set the pace of a load."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.endpoint.received import integers
from inference_bench.model.offered_load import ServedRequest
from inference_bench.units import NS_PER_MS, format_ns

if TYPE_CHECKING:
    from inference_bench._native import HttpLoad

MOST_CONNECTIONS = 4096
"""Connections that a load may have open at once."""

_STALLED = 0.01
"""Share of the time of a load in which the receiving thread may be held up."""

_LATE_NS = NS_PER_MS
"""A hundredth of the events may be read this much later than they arrived."""


def client_limits(http: HttpLoad, requests: Sequence[ServedRequest]) -> tuple[str, ...]:
    """Return why the client was the limit of a load, one sentence each with what to do; none if it was not."""
    return tuple(filter(None, (_cpu(http, requests), _lag(requests), _connections(requests))))


def _cpu(http: HttpLoad, requests: Sequence[ServedRequest]) -> str:
    """Judge how long the receiving thread did not run although it should."""
    stalls = http.stalls()
    held_up_ns = int((integers(stalls, "ended_ns") - integers(stalls, "began_ns")).sum())
    began_ns = min((request.answer.planned_ns for request in requests), default=0)
    lasted_ns = max((request.answer.ended_ns for request in requests), default=0) - began_ns
    if held_up_ns <= _STALLED * lasted_ns:
        return ""
    return (
        f"its own thread was held up for {held_up_ns / lasted_ns:.1%} of the load ({format_ns(held_up_ns)}): "
        "other work has its CPU. Reserve one for the client, or lower the load"
    )


def _lag(requests: Sequence[ServedRequest]) -> str:
    """Judge how late events were read."""
    lags = [piece.read_ns - piece.time_ns for request in requests for piece in request.answer.pieces]
    if not lags or (late_ns := float(np.quantile(lags, 0.99))) <= _LATE_NS:
        return ""
    return (
        f"it read 1 % of the events {format_ns(late_ns)} or more after they had arrived: it could not follow. "
        "Reserve a CPU for it, or lower the load"
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
