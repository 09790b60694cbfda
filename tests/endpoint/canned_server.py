"""A double of an OpenAI-compatible server: a real HTTP server on loopback whose answers a test writes down."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from inference_bench.endpoint.address import Address


@dataclass(frozen=True)
class Canned:
    """An answer to one route."""

    said: object = ""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.said if isinstance(self.said, bytes) else json.dumps(self.said).encode()


Answering = Canned | Callable[[dict], Canned]
"""An answer, or what gives one to the JSON that was sent."""


@dataclass
class CannedServer:
    """Where it listens, and the requests that it got: method, path, headers, JSON."""

    address: Address
    requests: list[tuple[str, str, dict[str, str], dict]] = field(default_factory=list)


@contextmanager
def canned_server(routes: Mapping[str, Answering], certificate: Path | None = None) -> Iterator[CannedServer]:
    """Serve answers by path, over TLS with a file of key and certificate; others are 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = json.loads(self.rfile.read(length)) if length else {}
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.command, self.path, headers, sent))
            answer = routes.get(self.path, Canned({"detail": "Not Found"}, 404))
            self._send(answer if isinstance(answer, Canned) else answer(sent))

        do_POST = do_GET  # noqa: N815

        def _send(self, answer: Canned) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    class Listening(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Write nothing where a client leaves."""

    with Listening(("127.0.0.1", 0), Handler) as listening:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listening.socket = context.wrap_socket(listening.socket, True, do_handshake_on_connect=False)
        scheme = "http" if certificate is None else "https"
        server = CannedServer(Address(scheme, "127.0.0.1", listening.server_port, "/v1"))
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def raw_server(answer: bytes) -> Iterator[Address]:
    """Serve the same bytes to each connection, whatever they are, and close it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):  # a client may leave
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Address("http", "127.0.0.1", listening.getsockname()[1], "/v1")
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
