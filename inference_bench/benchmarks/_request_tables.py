"""The rows of a load: one per request, and one per event that showed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.serving.stage_durations import STAGES
from inference_bench.columns import RequestColumns, columns_of
from inference_bench.endpoint.server_readings import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.endpoint.answer import Piece
    from inference_bench.endpoint.join import JoinedRequest
    from inference_bench.model.offered_load import ServedRequest

_MISSING = {column.name: column.missing for column in columns_of(RequestColumns)}


def add_rows(measurement: Measurement, stage: str, requests: Sequence[ServedRequest]) -> None:
    """Add the requests of a stage of a load, and what arrived of their answers, to the tables of a case."""
    if not requests:
        return
    rows = [_row(stage, number, request) for number, request in enumerate(requests)]
    names = dict.fromkeys(name for row in rows for name in row)
    measurement.requests.append({name: [row.get(name, _MISSING[name]) for row in rows] for name in names})
    events = [
        (stage, number, place, piece)
        for number, request in enumerate(requests)
        for place, piece in enumerate(request.answer.pieces)
    ]
    if events:
        measurement.chunks.append(_chunks(events))


def add_readings(measurement: Measurement, stage: str, readings: Sequence[Reading]) -> None:
    """Add what the server said of itself during a stage of a load to the tables of a case."""
    if readings:
        columns = dict(zip(Reading._fields, map(list, zip(*readings, strict=True)), strict=True))
        measurement.server_readings.append({"stage": [stage] * len(readings), **columns})


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
        **_server_side(request.both_sides),
    }


def _server_side(joined: JoinedRequest | None) -> dict[str, int]:
    """Return what the server recorded of a request, on the client's clock."""
    if joined is None:
        return {}
    stages = dict(zip(STAGES, joined.durations_ns, strict=True))
    return {
        "server_request": joined.id,
        "server_received_ns": joined.received_ns,
        "queue_ns": stages["queue"],
        "prefill_ns": stages["prefill"],
        "decode_ns": stages["decode"],
        "hand_over_ns": stages["hand over"],
        "residual_ns": joined.residual_ns,
        "server_first_ns": _known(joined.first_piece_ns),
        "server_sent_ns": joined.last_piece_ns,
        "clock_uncertainty_ns": joined.uncertainty_ns,
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
