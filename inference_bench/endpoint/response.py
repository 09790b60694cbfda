"""One response as it came: its times, its head, its body, and the reads that brought it."""

from __future__ import annotations

import re
from typing import NamedTuple

from inference_bench.endpoint.received import Exchange, Reads


class Response(NamedTuple):
    """One response, or what came of it.

    Attributes:
        exchange: the request's times, status and outcome.
        head: the status line and the headers.
        body: without chunked coding.
        reads: the reads that brought the body.
    """

    exchange: Exchange
    head: bytes
    body: bytes
    reads: Reads

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.exchange.status < 300

    @property
    def content_encoding(self) -> bytes:
        """How the body is compressed, in lower case; empty for a plain one."""
        return self.header(b"content-encoding").lower().replace(b"identity", b"")

    @property
    def is_stream(self) -> bool:
        """Whether the body says to be server-sent events."""
        return self.header(b"content-type").lower().startswith(b"text/event-stream")

    @property
    def is_json(self) -> bool:
        """Whether the body says to be JSON."""
        return self.header(b"content-type").lower().startswith(b"application/json")

    def header(self, name: bytes) -> bytes:
        """Return the value of the first header of a name, in any case, or nothing."""
        found = re.search(rb"(?im)^%b:[ \t]*([^\r\n]*)" % re.escape(name), self.head)
        return found.group(1).strip() if found else b""
