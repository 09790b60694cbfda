"""The answers of a load: times, pieces of text with the tokens that they carry, counts, and why a request failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from inference_bench.endpoint.deltas import Delta, Json, Usage
from inference_bench.endpoint.failure import Failure, failure_of
from inference_bench.endpoint.key import Key
from inference_bench.endpoint.received import Reads, ReadsByRequest, Received, exchanges
from inference_bench.endpoint.response import Response
from inference_bench.endpoint.said import Said, said
from inference_bench.endpoint.token_counts import Evidence, TokenEnds, TokensBy, counted


class PieceKind(StrEnum):
    """What a piece of an answer is."""

    CONTENT = "content"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"


class Piece(NamedTuple):
    """An event that shows text, or a part of a tool call.

    Attributes:
        time_ns: when the read that completed it arrived at the kernel; where the kernel gave no time, the read.
        read_ns: when that read returned.
        kind: content, reasoning or tool call.
        tokens: how many tokens it carries; None if unknown.
        stalled: the receiving thread itself was late around that read.
    """

    time_ns: int
    read_ns: int
    kind: PieceKind
    tokens: int | None
    stalled: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. Times are integer nanoseconds on the scale of ``now_ns``.

    Attributes:
        request: its index in the load.
        planned_ns: when it was to be sent: latencies count from here.
        sent_ns: when its first byte was handed to the kernel.
        written_ns: when its last byte was.
        connect_ns: duration of the connect that it waited for; 0 on a connection that was open.
        tls_ns: duration of the TLS handshake that it waited for, likewise.
        first_byte_ns: arrival of the first byte of the response.
        ended_ns: arrival of its last byte.
        status: of HTTP; 0 if none came.
        failure: why it failed, or None.
        streamed: it came as an event stream, not as one JSON text.
        done: the stream ended with ``[DONE]``, or the JSON text is whole.
        pieces: what it shows, in order; also of a request that failed later.
        tokens_by: where the tokens of the pieces are known from.
        text: the content.
        prompt_tokens: as the server counts; None where it does not.
        completion_tokens: likewise.
        cached_tokens: how many of the prompt's tokens came from the server's cache, likewise.
        reasoning_tokens: how many of the completion's tokens are reasoning, likewise.
        finish_reason: ``stop``, ``length`` …, or None.
        timings: llama.cpp's own times, or nothing.
    """

    request: int
    planned_ns: int
    sent_ns: int
    written_ns: int
    connect_ns: int
    tls_ns: int
    first_byte_ns: int
    ended_ns: int
    status: int
    failure: Failure | None = None
    streamed: bool = False
    done: bool = False
    pieces: tuple[Piece, ...] = ()
    tokens_by: TokensBy = TokensBy.UNKNOWN
    text: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    finish_reason: str | None = None
    timings: Json = field(default_factory=dict)

    @property
    def first_content_ns(self) -> int | None:
        """Arrival of the first text of the answer itself: TTFT counts to here."""
        return self._first(PieceKind.CONTENT)

    @property
    def first_reasoning_ns(self) -> int | None:
        """Arrival of the first text of the reasoning."""
        return self._first(PieceKind.REASONING)

    @property
    def first_tool_call_ns(self) -> int | None:
        """Arrival of the first part of a tool call."""
        return self._first(PieceKind.TOOL_CALL)

    def _first(self, kind: PieceKind) -> int | None:
        return next((piece.time_ns for piece in self.pieces if piece.kind is kind), None)


def answers(load: Received, *, key: Key | None = None, token_ends: TokenEnds | None = None) -> list[Answer]:
    """Read what a load brought back: one answer per request, in the order of the requests.

    Args:
        load: a load that has ended.
        key: the key that was sent; it is removed from what servers say in errors.
        token_ends: a tokenizer, for servers that do not say how many tokens an event carries.
    """
    reads = ReadsByRequest(load.chunks())
    responses = (
        Response(exchange, load.head(exchange.request), load.body(exchange.request), reads.of(exchange.request))
        for exchange in exchanges(load.requests())
    )
    return [_answer(response, key, token_ends) for response in responses]


def _answer(response: Response, key: Key | None, token_ends: TokenEnds | None) -> Answer:
    body = said(response)
    usage = body.last("usage") or Usage()
    way, pieces = _pieces(body, response.reads, usage.completion_tokens, token_ends)
    return Answer(
        *response.exchange[:-1],  # the first fields of both are the same
        failure=failure_of(response, body, key),
        streamed=body.streamed,
        done=body.done,
        pieces=pieces,
        tokens_by=way,
        text="".join([each.content for each in body.deltas]),
        prompt_tokens=body.last("prompt_tokens") if usage.prompt_tokens is None else usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        finish_reason=body.last("finish_reason"),
        timings=body.last("timings") or {},
    )


def _pieces(
    body: Said, reads: Reads, completion_tokens: int | None, token_ends: TokenEnds | None
) -> tuple[TokensBy, tuple[Piece, ...]]:
    shown = [index for index, each in enumerate(body.deltas) if each.content or each.reasoning or each.tool_call]
    way, tokens = counted(Evidence(body.deltas, shown, completion_tokens, token_ends))
    times, returned, stalled = reads.times_ns.tolist(), reads.reads_ns.tolist(), reads.stalled.tolist()
    pieces = []
    for index, count in zip(shown, tokens, strict=True):
        read = body.reads[index]
        kinds = _kinds(body.deltas[index])
        part = count if len(kinds) == 1 else None  # of an event that carries two kinds, the share of each is unknown
        pieces += [Piece(times[read], returned[read], kind, part, stalled[read] != 0) for kind in kinds]
    return way, tuple(pieces)


def _kinds(each: Delta) -> list[PieceKind]:
    if each.content and not each.reasoning and not each.tool_call:  # nearly all of them
        return [PieceKind.CONTENT]
    carried = ((each.reasoning, PieceKind.REASONING), (each.content, PieceKind.CONTENT))
    return [kind for text, kind in carried if text] + ([PieceKind.TOOL_CALL] if each.tool_call else [])
