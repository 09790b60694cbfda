"""The rows of a load: one per request, and one per event that showed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.endpoint.answer import Piece
    from inference_bench.model.offered_load import ServedRequest


def add_rows(measurement: Measurement, stage: str, requests: Sequence[ServedRequest]) -> None:
    """Add the requests of a stage of a load, and what arrived of their answers, to the tables of a case."""
    if not requests:
        return
    rows = [_row(stage, number, request) for number, request in enumerate(requests)]
    measurement.requests.append({name: [row[name] for row in rows] for name in rows[0]})
    events = [
        (stage, number, place, piece)
        for number, request in enumerate(requests)
        for place, piece in enumerate(request.answer.pieces)
    ]
    if events:
        measurement.chunks.append(_chunks(events))


def _row(stage: str, number: int, request: ServedRequest) -> dict[str, object]:
    answer = request.answer
    return {
        "stage": stage,
        "request": number,
        "request_id": request.id,
        "connection": _known(request.connection),
        "planned_ns": answer.planned_ns,
        "sent_ns": answer.sent_ns,
        "written_ns": answer.written_ns,
        "connect_ns": answer.connect_ns,
        "tls_ns": answer.tls_ns,
        "first_byte_ns": answer.first_byte_ns,
        "first_reasoning_ns": _known(answer.first_reasoning_ns),
        "first_content_ns": _known(answer.first_content_ns),
        "last_content_ns": answer.pieces[-1].time_ns if answer.pieces else -1,
        "ended_ns": answer.ended_ns,
        "asked_prompt_tokens": _known(request.asked_prompt_tokens),
        "asked_new_tokens": request.asked_new_tokens,
        "prompt_tokens": _known(answer.prompt_tokens),
        "completion_tokens": _known(answer.completion_tokens),
        "cached_tokens": _known(answer.cached_tokens),
        "token_source": str(answer.tokens_by),
        "finish_reason": answer.finish_reason or "",
        "status": answer.status or -1,
        "outcome": "ok" if answer.failure is None else str(answer.failure.kind),
        "detail": "" if answer.failure is None else answer.failure.detail,
        "broken": "; ".join(request.broken),
    }


def _chunks(events: Sequence[tuple[str, int, int, Piece]]) -> dict[str, list[object]]:
    return {
        "stage": [stage for stage, _, _, _ in events],
        "request": [request for _, request, _, _ in events],
        "chunk": [place for _, _, place, _ in events],
        "kind": [str(piece.kind) for *_, piece in events],
        # Without a stamp of the kernel both times are that of the read.
        "kernel_ns": [piece.time_ns if piece.time_ns != piece.read_ns else -1 for *_, piece in events],
        "read_ns": [piece.read_ns for *_, piece in events],
        "tokens": [_known(piece.tokens) for *_, piece in events],
        "stalled": [int(piece.stalled) for *_, piece in events],
    }


def _known(value: int | None) -> int:
    return -1 if value is None else value
