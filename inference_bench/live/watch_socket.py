"""Snapshots for ``watch`` over a Unix socket that only this user may open."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from inference_bench.errors import UsageError
from inference_bench.live.watch_encoding import encode

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

_TIMEOUT_S = 3700
"""Connections without a question for this long are closed; the longest interval of ``watch`` is an hour."""


def socket_path(pid: int) -> Path:
    """Return the path of a process's socket; its folder is accessible to this user only."""
    return Path(tempfile.gettempdir()) / f"inference_bench-{os.getuid()}" / f"{pid}.sock"


class WatchSocket:
    """Answers each received line with a snapshot. Nothing listens before ``start``.

    A forked child must start its own socket, because the path holds the process id.
    """

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self._pid = 0
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()

    @property
    def path(self) -> Path:
        """Path of the socket."""
        return socket_path(self._pid or os.getpid())

    def start(self) -> Self:
        """Start listening.

        Raises:
            UsageError: it listens already, or other users may access the folder.
        """
        if self._listener is not None and self._pid == os.getpid():
            raise UsageError(f"{self.path}: this process listens already, expected one call of start().")
        if not self._profiler.running:
            self._profiler.warn_idle()
        self._pid = os.getpid()
        _make_private(self.path.parent)
        self.path.unlink(missing_ok=True)  # left by a killed process of the same id
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self.path.chmod(0o600)
        self._listener.listen(4)
        threading.Thread(target=self._accept, args=(self._listener,), name="inference_bench-watch", daemon=True).start()
        return self

    def stop(self) -> None:
        """Close all connections, and remove the socket."""
        listener, self._listener = self._listener, None
        if listener is None or self._pid != os.getpid():
            return
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        listener.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            connection.settimeout(_TIMEOUT_S)
            while lines.readline(64):
                connection.sendall(encode(self._profiler.snapshot()))
        self._connections.discard(connection)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
        raise UsageError(f"{folder}: expected a folder of this user alone (mode 700). Remove it, or set TMPDIR.")
