"""Snapshots for ``watch`` over a Unix socket that only this user may open."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from inference_bench.errors import UsageError
from inference_bench.live.watch_encoding import encode

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

_TIMEOUT_S = 3700
"""Connections without a question for this long are closed; the longest interval of ``watch`` is an hour."""
_MOST_CONNECTIONS = 16
"""Each has a thread; further ones are closed."""


def socket_path(pid: int) -> Path:
    """Return the path of a process's socket; its folder is accessible to this user only."""
    return Path(tempfile.gettempdir()) / f"inference_bench-{os.getuid()}" / f"{pid}.sock"


class WatchSocket:
    """Answers each received line with a snapshot. Nothing listens before ``start``.

    A forked child must start its own socket, because the path holds the process id.
    """

    _listening: ClassVar[dict[int, WatchSocket]] = {}

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
        """Start listening; warn where that is impossible, because a server must not fail without its ``watch``.

        Raises:
            UsageError: this or another socket of this process listens already.
        """
        if os.getpid() in self._listening:
            raise UsageError(f"{socket_path(os.getpid())}: this process listens already, expected one call of start().")
        if not self._profiler.running:
            self._profiler.warn_idle()
        self._pid = os.getpid()
        self._connections = set()
        try:
            self._listener = self._listen()
        except OSError as error:
            text = f"`watch` cannot see this process: {self.path}: {error.strerror or error}. Set TMPDIR."
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            return self
        self._listening[self._pid] = self
        threading.Thread(target=self._accept, args=(self._listener,), name="inference_bench-watch", daemon=True).start()
        return self

    def _listen(self) -> socket.socket:
        _make_private(self.path.parent)
        self.path.unlink(missing_ok=True)  # left by a killed process of the same id
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self.path))
            self.path.chmod(0o600)
            listener.listen(_MOST_CONNECTIONS)
        except OSError:
            listener.close()
            raise
        return listener

    def stop(self) -> None:
        """Close all connections, and remove the socket."""
        listener, self._listener = self._listener, None
        if listener is None or self._pid != os.getpid():
            return
        self._listening.pop(self._pid, None)
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
            if len(self._connections) >= _MOST_CONNECTIONS:
                connection.close()
                continue
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            connection.settimeout(_TIMEOUT_S)
            while lines.readline(64):
                connection.sendall(encode(self._profiler.snapshot()))
        self._connections.discard(connection)


def _make_private(folder: Path) -> None:
    """Make the folder.

    Raises:
        OSError: it cannot be made, or other users may access it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
        raise PermissionError(f"{folder} is no folder of this user alone (mode 700); remove it")
