"""Snapshots for ``watch`` over HTTP, from an endpoint that the application mounts."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING

from inference_bench.live.watch_encoding import encode

if TYPE_CHECKING:
    from inference_bench.live.asgi import Receive, Scope, Send
    from inference_bench.live.profiler import Profiler


class WatchEndpoint:
    """An ASGI application that answers GET with a snapshot: ``app.mount("/profile", WatchEndpoint(profiler))``.

    Args:
        profiler: the profiler to show.
        token: clients must send it as ``Authorization: Bearer …``. Without a token, only loopback is answered.
    """

    def __init__(self, profiler: Profiler, token: str | None = None) -> None:
        self._profiler = profiler
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if not self._may(scope):
            status, body = 403, b'{"error": "a token is needed"}\n'
        elif scope["method"] != "GET":
            status, body = 405, b'{"error": "GET only"}\n'
        else:
            status, body = 200, encode(self._profiler.snapshot())
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _may(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        if self._token is not None:
            return hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {self._token}".encode())
        # Behind a reverse proxy on this machine every client has a loopback address; the proxy adds these headers.
        forwarded = {b"forwarded", b"x-forwarded-for", b"x-real-ip"} & headers.keys()
        client = scope.get("client")
        try:
            return not forwarded and client is not None and ipaddress.ip_address(client[0]).is_loopback
        except ValueError:
            return False
