"""A network between a client and a store that fails as networks do: a relay of TCP connections."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from inference_bench.results.storage import StoredPath, stored_place
from tests.object_store import BUCKET

REFUSES, RESETS, HANGS, CUTS = "refuses connections", "resets connections", "hangs", "cuts uploads"
FAULTS = (REFUSES, RESETS, HANGS, CUTS)
_CUT_BYTES = 1_500
"""More than the header of a request: what is cut is its body."""
_CHUNK = 65_536


class StoreProxy:
    """Relays connections to a port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._fault = ""
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._listen()

    def place(self, folder: str) -> StoredPath:
        """Return a folder in the bucket, as it is reached over this network."""
        return stored_place(f"s3://{BUCKET}/{folder}?endpoint_override=127.0.0.1:{self._port}&scheme=http")

    def fail(self, fault: str) -> None:
        """Begin to fail in one of the ways of ``FAULTS``."""
        self._fault = fault
        if fault == REFUSES:
            self._stop_listening()

    def mend(self) -> None:
        """Work again; connections that hang are reset."""
        if self._fault == REFUSES:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._listen()
        self._fault = ""
        while self._held:
            _reset(self._held.pop())

    def close(self) -> None:
        """Work no more."""
        self._stop_listening()
        while self._held:
            _reset(self._held.pop())

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client, self._fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: str) -> None:
        if fault == HANGS:
            self._held.append(client)
        elif fault == RESETS:
            _reset(client)
        else:
            self._relay(client, _CUT_BYTES if fault == CUTS else None)

    def _relay(self, client: socket.socket, most: int | None) -> None:
        """Pass bytes on in both directions; reset both ends once the client has sent more than ``most``."""
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            answers = threading.Thread(target=_copy, args=(server, client), daemon=True)
            answers.start()
            if not _copy(client, server, most):
                _reset(server)
                _reset(client)
            answers.join()


def _copy(source: socket.socket, sink: socket.socket, most: int | None = None) -> bool:
    """Copy until the source ends; return False if it had more than ``most`` bytes."""
    copied = 0
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            copied += len(chunk)
            if most is not None and copied > most:
                sink.sendall(chunk[: most - copied])
                return False
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    return True


def _reset(connection: socket.socket) -> None:
    """Close a connection so that the other end sees a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def store_proxy(target: int) -> Iterator[StoreProxy]:
    """Relay to a port while the block runs."""
    proxy = StoreProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
