"""An endpoint that an application mounts, and who may read it."""

from __future__ import annotations

import hmac
import ipaddress
import os
import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from inference_bench.live.peer import peer_uid

if TYPE_CHECKING:
    from inference_bench.live.asgi import Receive, Scope, Send
    from inference_bench.live.profiler import Profiler

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROXY_PREFIXES = (b"x-forwarded-", b"cf-", b"x-original-", b"x-envoy-", b"x-amzn-", b"fastly-")
_PROXY_HEADERS = frozenset({b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"x-client-ip", b"cdn-loop"})


class PrivateEndpoint(ABC):
    """An ASGI application that answers GET with JSON.

    Without a token it answers this user's own programs on this machine: the connection is from loopback, the kernel's
    table names this user as its owner, ``Host`` is this machine (a page in a browser cannot read it by a name of its
    own), and nothing says that a proxy passed it on. A proxy that runs as the same user and adds no header cannot be
    told apart: behind one, give a token.

    Args:
        profiler: the profiler to show.
        token: clients must send it as ``Authorization: Bearer …``. With an empty one, none is answered.
    """

    def __init__(self, profiler: Profiler, token: str | None = None) -> None:
        self._profiler = profiler
        self._token = token
        if token is not None and not token.strip():
            text = f"{type(self).__name__}: the token is empty, so no client is answered. Is its variable set?"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    @abstractmethod
    def answer(self, query: str) -> tuple[int, bytes]:
        """Return status and JSON; ``query`` is what follows the question mark of the address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if not self._may(scope):
            status, body = 403, b'{"error": "a token is needed"}\n'
        elif scope["method"] != "GET":
            status, body = 405, b'{"error": "GET only"}\n'
        else:
            status, body = self.answer(scope.get("query_string", b"").decode("latin-1"))
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _may(self, scope: Scope) -> bool:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._token is None:
            return _is_direct(scope, headers) and _is_own(scope)
        if not self._token.strip():
            return False
        return hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {self._token}".encode())


def _is_direct(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Return whether the request is for this machine and nothing says that a proxy passed it on."""
    if _PROXY_HEADERS & headers.keys() or any(name.startswith(_PROXY_PREFIXES) for name in headers):
        return False
    if scope.get("http_version") == "1.0":  # how nginx speaks to servers behind it, unless told otherwise
        return False
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host) in _LOCAL_HOSTS


def _is_own(scope: Scope) -> bool:
    """Return whether a process of this user on this machine opened the connection."""
    client, server = scope.get("client"), scope.get("server")
    try:
        if client is None or not ipaddress.ip_address(client[0]).is_loopback:
            return False
    except ValueError:
        return False
    return peer_uid((client[0], client[1]), server[1] if server else None) == os.getuid()
