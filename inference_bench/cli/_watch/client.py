"""Connection to the process that ``watch`` shows."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Any

from inference_bench.cli._watch.snapshot import parse_snapshot
from inference_bench.errors import InferenceBenchError
from inference_bench.live.watch_socket import socket_path

_MOST_BYTES = 1 << 26
"""Longest snapshot that is read, 64 MiB."""


class Watched:
    """Requests snapshots from a process.

    Args:
        target: a process id, or the address of a ``WatchEndpoint``.
        token: of the endpoint.
    """

    def __init__(self, target: str, token: str | None = None) -> None:
        self._target = target
        self._token = token
        self._connection: socket.socket | None = None
        self._lines: Any = None

    def read(self) -> dict[str, Any]:
        """Return the snapshot of this moment.

        Raises:
            InferenceBenchError: no reply, or a malformed one.
        """
        line = self._read_socket() if self._target.isdecimal() else self._read_address()
        try:
            return parse_snapshot(line)
        except ValueError:
            raise InferenceBenchError(
                f"{self._target}: the reply is no snapshot. Expected the address where WatchEndpoint is mounted."
            ) from None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _read_socket(self) -> bytes:
        self._connection = self._connection or self._connect()
        line = b""
        with suppress(OSError):
            self._connection.sendall(b"\n")
            line = self._lines.readline(_MOST_BYTES)
        if not line:
            raise InferenceBenchError(f"process {self._target} closed the connection: it ended or stopped its socket.")
        return line

    def _connect(self) -> socket.socket:
        path = socket_path(int(self._target))
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        try:
            connection.connect(str(path))
            owner = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
            if owner != os.getuid():
                raise PermissionError(f"it belongs to user {owner}")
        except OSError as error:
            connection.close()
            raise InferenceBenchError(
                f"process {self._target}: no socket at {path} ({error.strerror or error}). Expected a process of "
                "this user that called WatchSocket(profiler).start()."
            ) from None
        self._lines = connection.makefile("rb")
        return connection

    def _read_address(self) -> bytes:
        from http.client import HTTPException
        from urllib.error import URLError
        from urllib.request import ProxyHandler, Request, build_opener

        from inference_bench.cli._watch.redirects import SameServer

        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        opener = build_opener(ProxyHandler({}), SameServer())
        try:
            with opener.open(Request(self._target, headers=headers), timeout=10) as response:
                body: bytes = response.read(_MOST_BYTES)
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise InferenceBenchError(
                f"{self._target}: {reason}. Expected a running server with WatchEndpoint mounted there; with "
                "its --token if it is not on loopback."
            ) from None
        return body
