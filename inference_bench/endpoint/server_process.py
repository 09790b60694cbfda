"""A scripted server in a process of its own, so that its clock readings do not wait for what the client does.

Questions and answers are pickles on the standard streams of the child; ``_serve`` is the child's part.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from inference_bench._native import ScriptedServer, Table
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.scripts import Script
from inference_bench.errors import EndpointError
from inference_bench.machine.subprocesses import PYTHON, package_environment

Columns = dict[str, NDArray[np.int64]]

_HOST = "127.0.0.1"
_EXIT_S = 10.0


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What a scripted server serves.

    Attributes:
        scripts: one per request, in turn.
        port: 0 takes a free one.
        close: what becomes of the connection after each script: one word for all, or one for each.
        routes: scripts for requests that begin so, such as ``GET /v1/models``.
        cpus: what the process may run on; None for what this one may.
    """

    scripts: tuple[Script, ...]
    port: int = 0
    close: str | tuple[str, ...] = "keep"
    routes: Mapping[str, Script] = field(default_factory=dict)
    cpus: frozenset[int] | None = None


class ServerProcess:
    """A context manager: a ``ScriptedServer`` that runs in a child until it is left.

    Attributes:
        address: where it listens, with the path ``/v1``.
    """

    address: Address

    def __init__(
        self,
        scripts: Iterable[Script],
        *,
        port: int = 0,
        close: str | Iterable[str] = "keep",
        routes: Mapping[str, Script] | None = None,
        cpus: Collection[int] | None = None,
    ) -> None:
        endings = close if isinstance(close, str) else tuple(close)
        pinned = None if cpus is None else frozenset(cpus)
        self._plan = ServerPlan(tuple(scripts), port, endings, dict(routes or {}), pinned)

    def __enter__(self) -> Self:
        command = [*PYTHON, "-m", "inference_bench.endpoint.server_process"]
        environment = package_environment(os.environ)
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        try:
            self.address = Address("http", _HOST, self._ask(self._plan), "/v1")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def requests(self) -> Columns:
        """Return the columns of ``ScriptedServer.requests``; times are ns on the scale of ``now_ns``."""
        columns: Columns = self._ask("requests")
        return columns

    def sends(self) -> Columns:
        """Return the columns of ``ScriptedServer.sends``."""
        columns: Columns = self._ask("sends")
        return columns

    def request_bytes(self, request: int) -> bytes:
        """Return what a request was, head and body."""
        sent: bytes = self._ask(request)
        return sent

    def _ask(self, question: object) -> Any:
        """Return the child's answer.

        Raises:
            EndpointError: it says why it cannot answer, or it has ended.
        """
        stdin, stdout = self._streams()
        try:
            _write(stdin, question)
            answer = pickle.load(stdout)
        except (EOFError, BrokenPipeError):
            raise EndpointError(f"the scripted server ended, exit status {self._child.wait(_EXIT_S)}") from None
        if isinstance(answer, Exception):
            raise EndpointError(f"the scripted server: {answer}")
        return answer

    def _streams(self) -> tuple[IO[bytes], IO[bytes]]:
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:
            raise AssertionError("the child was started with pipes")
        return stdin, stdout

    def _end(self) -> None:
        """Close the child's input, at which it ends."""
        for stream in self._streams():
            with suppress(BrokenPipeError):
                stream.close()
        try:
            self._child.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


# ---- the child


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    try:
        server = _server(pickle.load(questions))
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        _write(answers, error)
        return
    with server:
        _write(answers, server.port)
        while (question := _next(questions)) is not None:
            _write(answers, _answer(server, question))


def _server(plan: ServerPlan) -> ScriptedServer:
    if plan.cpus is not None:
        os.sched_setaffinity(0, plan.cpus)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return ScriptedServer(plan.scripts, port=plan.port, close=plan.close, routes=plan.routes)


def _answer(server: ScriptedServer, question: object) -> object:
    try:
        if isinstance(question, int):
            return server.request_bytes(question)
        return _columns(server.requests() if question == "requests" else server.sends())
    except IndexError as error:
        return error


def _columns(table: Table) -> Columns:
    return {name: np.asarray(column).astype(np.int64) for name, column in table.columns().items()}


def _next(questions: IO[bytes]) -> object:
    """Return the next question, or None after the last."""
    try:
        question: object = pickle.load(questions)
    except EOFError:
        return None
    return question


def _write(stream: IO[bytes], said: object) -> None:
    pickle.dump(said, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the streams
    _serve(sys.stdin.buffer, sys.stdout.buffer)
