"""Stages of a request inside a server, as ``live`` tells them and ``endpoint`` reads them. Data only."""

from __future__ import annotations

from dataclasses import dataclass

ASKING_HEADER = "x-inference-bench"
"""A request with this header, of any value, is answered with ``ID_HEADER``."""

ID_HEADER = "x-inference-bench-request"
"""Header of a response: the request's number in the server."""


@dataclass(frozen=True, slots=True)
class ServerStages:
    """When a server did what for one request: integer nanoseconds of the server's ``now_ns``; None if not recorded.

    Attributes:
        id: number of the request in its process.
        received_ns: when the application was called with it.
        generation_ns: when its first generation began.
        prefill_ns: duration from the begin of a generation to its first token; of all its generations together.
        decode_ns: duration from there to the generation's end; likewise.
        generated_ns: when its last generation had ended.
        first_piece_ns: when the application handed over the first bytes of the response's body.
        last_piece_ns: when it handed over the last ones.
        ended_ns: when the request ended.
    """

    id: int
    received_ns: int | None = None
    generation_ns: int | None = None
    prefill_ns: int | None = None
    decode_ns: int | None = None
    generated_ns: int | None = None
    first_piece_ns: int | None = None
    last_piece_ns: int | None = None
    ended_ns: int | None = None
