"""A small TCP server in threads, whose connections are handled by a function of a test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

Handler = Callable[[socket.socket], None]
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def requests_from(connection: socket.socket) -> Iterator[bytes]:
    """Each request that comes, up to its empty line."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
        while b"\r\n\r\n" in received:
            request, _, received = received.partition(b"\r\n\r\n")
            yield request


def answering(*pieces: bytes) -> Handler:
    """Answers each request with these pieces, each sent by itself."""

    def handle(connection: socket.socket) -> None:
        for _ in requests_from(connection):
            for piece in pieces:
                connection.sendall(piece)

    return handle


def silent(connection: socket.socket) -> None:
    """Receives, and never answers."""
    for _ in requests_from(connection):
        pass


def closing(connection: socket.socket) -> None:
    """Ends the connection at the first request."""
    next(requests_from(connection))


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class RawServer:
    """Listens at `port`; `accepted` counts the connections. Use it as a context manager."""

    def __init__(
        self, handler: Handler, family: socket.AddressFamily = socket.AF_INET, tls: ssl.SSLContext | None = None
    ) -> None:
        self.accepted = 0
        self._tls = tls
        self._handler = handler
        self._open: list[socket.socket] = []
        self._listener = socket.socket(family)
        self._listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self._listener.listen(2048)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, StopIteration), connection:
            if self._tls is None:
                self._handler(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._handler(secured)

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
