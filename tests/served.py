"""Served requests with given times, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference_bench.endpoint.answer import Answer, Piece, PieceKind
from inference_bench.endpoint.failure import Failure
from inference_bench.endpoint.join import JoinedRequest
from inference_bench.model.offered_load import ServedRequest
from inference_bench.units import NS_PER_MS


def served_request(
    number: int,
    *,
    planned_ns: int = 0,
    lag_ns: int = 0,
    token_ns: Sequence[int] = (),
    tokens: Sequence[int | None] | None = None,
    read_lag_ns: int = 0,
    failure: Failure | None = None,
    broken: tuple[str, ...] = (),
) -> ServedRequest:
    """Return a request whose content events arrived at given times, one token each unless stated."""
    counts = [1] * len(token_ns) if tokens is None else tokens
    sent_ns = planned_ns + lag_ns
    pieces = tuple(
        Piece(ns, ns + read_lag_ns, PieceKind.CONTENT, count, False) for ns, count in zip(token_ns, counts, strict=True)
    )
    known = [count for count in counts if count is not None]
    answer = Answer(
        request=number,
        planned_ns=planned_ns,
        sent_ns=sent_ns,
        written_ns=sent_ns,
        connect_ns=0,
        tls_ns=0,
        first_byte_ns=token_ns[0] if token_ns else -1,
        ended_ns=token_ns[-1] if token_ns else sent_ns,
        status=200,
        failure=failure,
        done=failure is None,
        pieces=pieces,
        completion_tokens=sum(known) if len(known) == len(counts) else None,
    )
    return ServedRequest(answer, asked_new_tokens=len(token_ns), broken=broken)


def with_both_sides(
    request: ServedRequest, *durations_ns: int, first_piece_ms: int | None = None, residual_ns: int = 0
) -> ServedRequest:
    """Return a request whose server told its stages.

    Args:
        request: its end is set to the sum of everything.
        durations_ns: of each stage, in the order of ``STAGES``.
        first_piece_ms: when the server handed over its first bytes, after the planned instant; None if it does not say.
        residual_ns: time that lies in no stage.
    """
    answer = request.answer
    total_ns = sum(durations_ns) + residual_ns
    received_ns = answer.planned_ns + sum(durations_ns[:3])
    handed_ns = answer.planned_ns + sum(durations_ns[:7]) + residual_ns
    first_ns = None if first_piece_ms is None else answer.planned_ns + first_piece_ms * NS_PER_MS
    number = answer.request
    return replace(
        request,
        answer=replace(
            answer,
            sent_ns=answer.planned_ns + sum(durations_ns[:2]),
            connect_ns=durations_ns[1],
            ended_ns=answer.planned_ns + total_ns,
        ),
        both_sides=JoinedRequest(
            number, 100 + number, received_ns, first_ns, handed_ns, durations_ns, total_ns, residual_ns, 0
        ),
    )
