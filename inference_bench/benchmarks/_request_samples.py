"""The samples of a served request, by the formulas in ``metrics``: the same in process and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from inference_bench.endpoint.answer import PieceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Iteration
    from inference_bench.endpoint.answer import Answer, Piece
    from inference_bench.model.offered_load import ServedRequest


def record_request(iteration: Iteration, request: ServedRequest) -> None:
    """Turn the times of one answered request into samples; a time that is unknown has none."""
    answer, start_ns = request.answer, request.answer.planned_ns

    def record(metric: str, value: int) -> None:
        iteration.record(metric, value, start_ns=start_ns)

    record("dispatch_lag", request.lag_ns)
    if answer.status:
        record("first_byte", answer.first_byte_ns - start_ns)
    if connect_ns := answer.connect_ns + answer.tls_ns:
        record("connect", connect_ns)
    for metric, first_ns in (
        ("first_reasoning", answer.first_reasoning_ns),
        ("request_ttft", answer.first_content_ns),
    ):
        if first_ns is not None:
            record(metric, first_ns - start_ns)
    record("request_latency", request.latency_ns)
    if (tpot_ns := time_per_token(answer.pieces)) is not None:
        iteration.record("request_tpot", tpot_ns, start_ns=answer.pieces[0].time_ns)
    record_gaps(iteration, answer)


def record_single(iteration: Iteration, request: ServedRequest) -> None:
    """Turn the times of a single stream's request into the samples that an engine in process has."""
    answer = request.answer
    start_ns, first_ns = answer.planned_ns, answer.first_content_ns
    if first_ns is not None:
        iteration.record("ttft", first_ns - start_ns, start_ns=start_ns, phase="prefill")
    record_gaps(iteration, answer, phase="decode")
    if (tpot_ns := time_per_token(answer.pieces)) is not None:
        iteration.record("tpot", tpot_ns, start_ns=answer.pieces[0].time_ns, phase="decode")
    iteration.record("e2e", request.latency_ns, start_ns=start_ns)


def record_gaps(iteration: Iteration, answer: Answer, phase: str = "") -> None:
    """Record the time per token of each event after the first, and how late the client read each."""
    for step, start_ns, gap_ns in token_gaps(answer.pieces):
        iteration.record("itl", gap_ns, start_ns=start_ns, phase=phase, step=step)
    for piece in answer.pieces:
        if piece.read_ns != piece.time_ns:  # equal where the kernel gave no stamp
            iteration.record("client_lag", piece.read_ns - piece.time_ns, start_ns=piece.time_ns, phase=phase)


def token_gaps(pieces: Sequence[Piece]) -> Iterator[tuple[int, int, int]]:
    """Yield token number, start and time per token of each event after the first, in nanoseconds.

    An event that carries k tokens took its gap for k tokens; one whose tokens are unknown yields nothing. Events that
    arrived together are 1 ns apart, so that each time has a rate.
    """
    step = pieces[0].tokens if pieces else None
    for before, piece in pairwise(pieces):
        if piece.tokens is None or step is None:
            return
        if piece.tokens > 0:
            yield step + 1, before.time_ns, max(1, (piece.time_ns - before.time_ns) // piece.tokens)
        step += piece.tokens


def time_per_token(pieces: Sequence[Piece]) -> int | None:
    """Return the mean time of the tokens after the first event, nanoseconds; None if there are none, or unknown."""
    tokens = [piece.tokens for piece in pieces[1:]]
    known = [count for count in tokens if count is not None]
    total = sum(known)
    if len(known) < len(tokens) or not total:
        return None
    return (pieces[-1].time_ns - pieces[0].time_ns) // total


def knows_tokens(answer: Answer) -> bool:
    """Return whether the server says how many tokens each event of an answer carries."""
    return all(piece.tokens is not None for piece in answer.pieces if piece.kind is not PieceKind.TOOL_CALL)
