"""A worker in a thread of this process: for programs that measure a model in place, and for debuggers."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from types import TracebackType

from inference_bench._native import now_ns
from inference_bench.orchestration import protocol
from inference_bench.orchestration.messages import Hello, Release
from inference_bench.orchestration.worker_process import WorkerLostError, WorkerProcess
from inference_bench.result import Failure, Status

_EXIT_GRACE_S = 5.0


class WorkerThread(WorkerProcess):
    """Speaks the same protocol over the same kind of socket as a worker process, from a thread of this one.

    A thread cannot be killed, frozen, bound to CPUs, or fresh. One that hangs is abandoned, one that crashes ends this
    process, and what it prints goes where this process prints.
    """

    def __init__(self, silence_s: float) -> None:
        super().__init__(Path("/dev/null"), {}, silence_s)
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> WorkerThread:
        ours, theirs = socket.socketpair()
        spawned_ns = now_ns()
        self._thread = threading.Thread(target=_serve, args=(theirs, spawned_ns), name="inference_bench", daemon=True)
        self._thread.start()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        assert self._thread is not None
        if kind is None:
            await self.send(Release())
        self._writer.close()
        await asyncio.to_thread(self._thread.join, _EXIT_GRACE_S)

    def kill(self) -> None:
        """Close the socket: the thread ends when it next sends something."""
        if self._writer is not None:
            self._writer.close()

    def interrupt(self) -> bool:
        """Do nothing and return False: a signal would reach the whole process."""
        return False

    async def freeze(self) -> None:
        """Do nothing: no other worker runs beside a thread."""

    def thaw(self) -> None:
        """Do nothing: a thread is never frozen."""

    def place(self, *_: object, **__: object) -> None:
        """Do nothing: a thread keeps the CPUs of this process."""

    async def _lost(self) -> WorkerLostError:
        cause = "the measuring thread ended or was abandoned"
        return WorkerLostError(Status.CRASHED, await self._failure(cause))

    async def _failure(self, cause: str) -> Failure:
        return Failure(cause)


def _serve(connection: socket.socket, spawned_ns: int) -> None:
    """Do what a worker process does, without what concerns a process: signals, parent, exit."""
    import gc

    from inference_bench.model.load_steps import LoadStep
    from inference_bench.orchestration.worker import Worker

    with connection:
        channel = protocol.Channel(connection)
        ready_ns = now_ns()
        try:
            channel.send(Hello(protocol.VERSION, threading.get_native_id(), ready_ns))
            Worker(channel, LoadStep("boot", spawned_ns, ready_ns)).serve()
        except (OSError, SystemExit):
            return  # the orchestrator has closed its end
        finally:
            gc.unfreeze()  # a worker freezes all objects before it measures, but this process continues
