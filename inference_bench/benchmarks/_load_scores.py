"""Scores of a load: rates, and whether it was carried out, answered and carried out as it was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.serving.queue_growth import queue_growth
from inference_bench.result import CLIENT_HELD_UP, CLIENT_LIMIT
from inference_bench.units import NS_PER_MS, NS_PER_S, counted

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.offered_load import ServedLoad, ServedRequest

_TOLERATED_LAG = 0.05
"""A request may be sent late by this share of the median latency, or by a millisecond if that is more."""

_KEPT = 0.99
"""Share of requests that must be on schedule for the figures to be valid."""

_ENDS = ("planned_ns", "ended_ns")

_FEWEST_COUNTED = 0.5
"""Share of the requests that must have been answered as asked: figures of fewer describe the exceptions."""

_LISTED = 3
"""Kinds of failures that a note names."""


def score_load(load: ServedLoad, *, is_open: bool, measurement: Measurement) -> bool:
    """Score a load, note what is wrong with it, and return whether its times may be given."""
    measurement.notes += load.notes
    measurement.notes += (f"{CLIENT_LIMIT}{limit}" for limit in load.client_limits)
    if load.client_held_up:
        measurement.notes.append(CLIENT_HELD_UP + load.client_held_up)
    requests = load.ended
    _score_answers(requests, measurement)
    answered = [request for request in requests if request.is_ok]
    if not answered or sum(request.counts for request in answered) < _FEWEST_COUNTED * len(requests):
        return False
    _score_rates(requests, answered, is_open=is_open, measurement=measurement)
    if load.client_cpu is not None:
        measurement.score("client_cpu", "load", "whole", load.client_cpu)
    if is_open:
        _score_schedule(requests, measurement)
    return True


def failures(requests: Sequence[ServedRequest]) -> str:
    """Return the kinds of failures with their numbers and the first detail of each; empty if there is none."""
    kinds = Counter(_why(request) for request in requests if not request.is_ok)
    return "; ".join(f"{count} × {why}" for why, count in kinds.most_common(_LISTED))


def _why(request: ServedRequest) -> str:
    failure = request.answer.failure
    return "an answer without text" if failure is None else str(failure)


def _score_answers(requests: Sequence[ServedRequest], measurement: Measurement) -> None:
    for number, request in enumerate(requests):
        measurement.score("answered", "load", f"request {number}", float(request.is_ok))
        if request.is_ok:
            measurement.score("contract_kept", "load", f"request {number}", float(not request.broken))
    answered = [request for request in requests if request.is_ok]
    kept = [request for request in answered if not request.broken]
    if len(answered) < len(requests):
        lost = len(requests) - len(answered)
        measurement.notes.append(f"{lost} of {counted(len(requests), 'request')} failed: {failures(requests)}")
    if len(kept) < len(answered):
        clauses = Counter(clause for request in answered for clause in request.broken)
        listed = "; ".join(f"{count} × {clause}" for clause, count in clauses.most_common(_LISTED))
        measurement.notes.append(
            f"{len(answered) - len(kept)} of {counted(len(answered), 'answer')} not as asked, and left out: {listed}"
        )
    if len(kept) < _FEWEST_COUNTED * len(requests):
        measurement.notes.append(
            f"INVALID: only {len(kept)} of {counted(len(requests), 'request')} were answered as asked, so no latencies "
            "are given; the table of requests has each"
        )


def _score_rates(
    requests: Sequence[ServedRequest], answered: Sequence[ServedRequest], *, is_open: bool, measurement: Measurement
) -> None:
    """Score the offered and achieved rates."""
    began_ns = requests[0].answer.planned_ns
    lasted_ns = max(request.last_ns for request in answered) - began_ns

    def score(metric: str, value: float) -> None:
        measurement.score(metric, "load", "whole", value)

    achieved = len(answered) * NS_PER_S / lasted_ns
    score("achieved_rate", achieved)
    tokens = [request.answer.completion_tokens for request in answered]
    if None not in tokens:
        score("served_tokens", sum(count for count in tokens if count) * NS_PER_S / lasted_ns)
    spread_ns = requests[-1].answer.planned_ns - began_ns
    if not is_open or spread_ns <= 0:
        return
    offered = (len(requests) - 1) * NS_PER_S / spread_ns
    score("offered_rate", offered)
    score("offered_tokens", offered * sum(request.asked_new_tokens for request in requests) / len(requests))
    planned_ns, ended_ns = (np.array([getattr(request.answer, name) for request in requests]) for name in _ENDS)
    if growth := queue_growth(planned_ns, ended_ns):
        measurement.notes.append(f"{growth} ({offered:.3g} requests per second offered, {achieved:.3g} answered)")


def _score_schedule(requests: Sequence[ServedRequest], measurement: Measurement) -> None:
    """Score whether the requests were sent at their times."""
    tolerated_ns = _tolerated_ns(requests)
    for number, request in enumerate(requests):
        measurement.score("on_schedule", "load", f"request {number}", float(_is_on_time(request, tolerated_ns)))
    if late := late_requests(requests):
        measurement.notes.append(f"INVALID: {late}")


def late_requests(requests: Sequence[ServedRequest]) -> str:
    """Return that too many requests were sent late, as a sentence without an end; empty if they were not."""
    tolerated_ns = _tolerated_ns(requests)
    kept = sum(_is_on_time(request, tolerated_ns) for request in requests)
    if kept >= _KEPT * len(requests):
        return ""
    return (
        f"{len(requests) - kept} of {len(requests)} requests were sent more than {tolerated_ns / NS_PER_MS:.3g} ms "
        "after their time: the generator, not the model, set the pace"
    )


def _tolerated_ns(requests: Sequence[ServedRequest]) -> float:
    latencies_ns = [request.latency_ns for request in requests if request.is_ok]
    return max(NS_PER_MS, _TOLERATED_LAG * median(latencies_ns)) if latencies_ns else NS_PER_MS


def _is_on_time(request: ServedRequest, tolerated_ns: float) -> bool:
    return request.answer.sent_ns >= 0 and request.lag_ns <= tolerated_ns
