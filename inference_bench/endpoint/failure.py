"""Why a request failed: a kind, and what the server said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from inference_bench.endpoint.deltas import delta
from inference_bench.endpoint.key import Key
from inference_bench.endpoint.response import Response
from inference_bench.endpoint.said import Said
from inference_bench.text import one_line, without_tokens
from inference_bench.units import counted

_OK = "ok"
"""Outcome of a request whose response came as a whole; all others are kinds of failures."""

_SHOWN = 200
"""Characters of a body in a message."""

_SEARCHED_BYTES = 4096
"""Secrets are looked for in these first bytes, before the text is cut."""


class FailureKind(StrEnum):
    """Kinds of failed requests. Those up to ``UNSENT`` are also outcomes of the transport."""

    REFUSED = "refused"
    """no server listens at the port"""
    UNREACHABLE = "unreachable"
    """no way to the host"""
    TLS = "tls"
    """no encrypted connection, or a certificate that is not valid"""
    TIMEOUT = "timeout"
    """not ended in time, counted from the planned instant"""
    IDLE_TIMEOUT = "idle_timeout"
    """no byte for too long"""
    RESET = "reset"
    """the connection ended before the response did"""
    MALFORMED = "malformed"
    """not HTTP/1.1"""
    TOO_LARGE = "too_large"
    """a response above the limit"""
    INTERRUPTED = "interrupted"
    """the load was stopped first"""
    UNSENT = "unsent"
    """the load ended before the request was sent"""
    HTTP_STATUS = "http_status"
    """a status other than 2xx"""
    WRONG_ENCODING = "wrong_encoding"
    """a compressed body, which was not asked for"""
    WRONG_CONTENT_TYPE = "wrong_content_type"
    """neither an event stream nor JSON"""
    ERROR_EVENT = "error_event"
    """an error inside the stream"""
    MALFORMED_SSE = "malformed_sse"
    """an event that is no JSON of OpenAI's API, or is cut off"""
    UNFINISHED = "unfinished"
    """the stream ended without ``[DONE]``"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed.

    Attributes:
        kind: the kind, the same for all requests that failed so.
        detail: what the server said, or the first bytes of its body: one line without secrets; may be empty.
    """

    kind: FailureKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else str(self.kind)


def shown(data: bytes, key: Key | None = None) -> str:
    """Return the first bytes of a body as one line, without control codes and secrets."""
    text = data[:_SEARCHED_BYTES].decode(errors="replace")
    line = without_tokens(one_line(text if key is None else key.hidden_in(text)))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}… ({len(data):,} bytes)"


def status_detail(status: int, location: bytes, body: bytes, key: Key | None = None) -> str:
    """Return a status with its name and what the server said: ``429 Too Many Requests: slow down``.

    Args:
        status: of HTTP.
        location: the header of that name: where a redirect leads.
        body: all bytes.
        key: the key that was sent.
    """
    name = HTTPStatus(status).phrase if status in list(HTTPStatus) else "unknown status"
    said = f"redirects to {shown(location, key)}" if location else shown(delta(body).error.encode() or body, key)
    return f"{status} {name}: {said}" if said else f"{status} {name}"


def failure_of(response: Response, said: Said, key: Key | None = None) -> Failure | None:
    """Return why a request failed, or None: what the server says comes before how the connection ended."""
    exchange, body = response.exchange, response.body
    if exchange.status and not response.is_success:
        detail = status_detail(exchange.status, response.header(b"location"), body, key)
        return Failure(FailureKind.HTTP_STATUS, detail)
    if said.error:
        return Failure(FailureKind.ERROR_EVENT, shown(said.error.encode(), key))
    if exchange.outcome != _OK:
        return Failure(FailureKind(exchange.outcome), "" if said.deltas else shown(body, key))
    return _of_body(response, said, key)


def _of_body(response: Response, said: Said, key: Key | None) -> Failure | None:
    """Return what is wrong with the body of a response that came as a whole."""
    if response.content_encoding:
        return Failure(FailureKind.WRONG_ENCODING, shown(response.content_encoding, key))
    if not response.is_stream and not response.is_json:
        given = shown(response.header(b"content-type"), key) or "none"
        return Failure(FailureKind.WRONG_CONTENT_TYPE, f"{given}: {shown(response.body, key)}")
    if said.unreadable is not None:
        return Failure(FailureKind.MALFORMED_SSE, shown(said.unreadable, key))
    if not said.done:
        return Failure(FailureKind.UNFINISHED, f"{counted(len(said.deltas), 'event')} without [DONE]")
    return None
