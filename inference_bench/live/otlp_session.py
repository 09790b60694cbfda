"""HTTP session for the OpenTelemetry SDK that no collector can hold or fill: a deadline, and a limit of the answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from requests import RequestException, Session
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from urllib3 import HTTPConnectionPool

_MOST_ANSWER_BYTES = 65_536


class BoundedSession(Session):
    """Ends every exchange after ``most_s`` and reads at most 64 KiB of the answer; follows no redirect.

    The timeouts of ``requests`` bound the wait for the next byte, so an answer that drips never ends by them.
    """

    def __init__(self, most_s: float) -> None:
        super().__init__()
        self._most_s = most_s
        self._cut_off = False
        self._sockets: list[socket.socket] = []
        adapter = _NotingAdapter(self._sockets)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send a request, and return its answer with the read part of the body.

        Raises:
            RequestException: no whole answer in time, or a redirect.
        """
        self._cut_off = False
        deadline = threading.Timer(self._most_s, self._cut)
        deadline.daemon = True
        deadline.start()
        try:
            response: Response = super().send(request, **{**options, "stream": True, "allow_redirects": False})
            response._content = _beginning(response)
        finally:
            deadline.cancel()
            if self._cut_off:
                self.close()
        if self._cut_off:  # what came before the end of the connection can look like an answer
            raise RequestException(f"no whole answer within {self._most_s:g} s")
        if response.is_redirect:
            raise RequestException(f"it redirects to {response.headers.get('location')!r}")
        return response

    def _cut(self) -> None:
        """Wake the thread that waits for the collector."""
        self._cut_off = True
        for one in list(self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _beginning(response: Response) -> bytes:
    """Return the read part of the body; the connection is used again only if that is all."""
    try:
        read: bytes = response.raw.read(_MOST_ANSWER_BYTES, decode_content=False)
        return read
    finally:
        response.close()


class _NotingAdapter(HTTPAdapter):
    """Keeps the socket of the last connection, for ``BoundedSession``."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__(max_retries=0)
        self._sockets = sockets

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str,
        proxies: dict[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> HTTPConnectionPool:
        """Return the pool of connections, whose new connections note their socket."""
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if not hasattr(pool.ConnectionCls, "noting"):
            pool.ConnectionCls = self._noting(pool.ConnectionCls)
        return pool

    def _noting(self, made: type[Any]) -> type[Any]:
        sockets = self._sockets

        class Noting(made):  # type: ignore[misc]  # plain or TLS
            noting = True

            def connect(self) -> None:
                super().connect()
                sockets[:] = [self.sock]

        return Noting
