"""The orchestrator's end of one worker: a child process and the socket to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from inference_bench._native import now_ns
from inference_bench.errors import InferenceBenchError, ProtocolError
from inference_bench.machine.cgroup import oom_kills
from inference_bench.machine.process_tree import ProcessTree
from inference_bench.machine.subprocesses import PYTHON, package_environment
from inference_bench.orchestration import protocol
from inference_bench.orchestration.messages import Message, Release
from inference_bench.orchestration.process_state import thread_states, threads_of
from inference_bench.orchestration.silence import Activity, Silence
from inference_bench.orchestration.worker_end import end_of, tail
from inference_bench.result import Failure, Status

M = TypeVar("M", bound=Message)

_ROOT = Path("/")
_AT_REST = {"T", "t", "Z", "X"}
_STOP_PAUSE_S = 0.0005
_STOP_LOOKS = 2000
"""A thread inside an uninterruptible read stops when the read returns; after a second it counts as stopped anyway."""
_LAST_WORDS_S = 0.2
"""Time in which the event loop reads what an ended worker had sent, if something still holds its socket open."""
_READ_PAUSE_S = 0.01
"""Time in which the event loop reads what lies in the socket."""
_EXIT_GRACE_S = 5.0
"""Unloading only frees memory: a worker that has not exited by then is stuck, and is killed."""


class WorkerLostError(InferenceBenchError):
    """The worker ended, hung, or sent an invalid message.

    Attributes:
        status: of the cases that are lost with it.
        failure: their failure.
    """

    def __init__(self, status: Status, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.status = status
        self.failure = failure


@dataclass(slots=True)
class _Limit:
    """A time limit on what the worker does now; ``until`` is on the loop's clock."""

    what: str
    limit_s: float
    until: float
    quiet: bool


class WorkerProcess:
    """One fresh process, as an asynchronous context manager; it has ended when the block has.

    Args:
        log: file that receives the worker's standard output and error.
        environment: variables set on top of ours.
        silence_s: a worker that sends nothing for this long counts as hung.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], silence_s: float) -> None:
        self._log = log
        self._environment = environment
        self._silence_s = silence_s
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._timeout: asyncio.Timeout | None = None
        self._silence: Silence | None = None
        self._limit: _Limit | None = None
        self._frozen_at: float | None = None
        self._tree: ProcessTree | None = None
        self._oom_kills: int | None = None
        self._watch_of_end: asyncio.Task[None] | None = None

    async def __aenter__(self) -> WorkerProcess:
        ours, theirs = socket.socketpair()
        self._tree = tree = ProcessTree()
        self._oom_kills = oom_kills(_ROOT)
        tree.begin()
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *PYTHON,
                    "-m",
                    "inference_bench.orchestration.worker",
                    str(theirs.fileno()),
                    str(now_ns()),
                    str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=tree.environment(package_environment({**os.environ, **self._environment})),
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                )
        except BaseException:
            ours.close()
            self._end_tree()
            raise
        finally:
            theirs.close()
        tree.begin(self._process.pid)
        self._watch_of_end = asyncio.create_task(self._watch_end())
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._writer is not None
        if kind is not None:
            self.kill()
        else:
            await self._release()
        self._writer.close()
        await self._process.wait()
        self._end_tree()
        if self._watch_of_end is not None:
            self._watch_of_end.cancel()

    async def _watch_end(self) -> None:
        """Wait for the worker's end, then kill what it has started and end a pending ``receive``.

        A child of the model holds a copy of the socket, which therefore tells nothing of the worker's end. What the
        worker had sent before is still received.
        """
        assert self._process is not None
        await self._process.wait()
        self._end_tree()
        await asyncio.sleep(_LAST_WORDS_S)
        if self._writer is not None:
            self._writer.transport.abort()

    def _end_tree(self) -> None:
        """Kill what the worker has started, once."""
        tree, self._tree = self._tree, None
        if tree is not None:
            tree.end(None if self._process is None else self._process.pid)

    def kill(self) -> None:
        """End the worker now; a pending ``receive`` raises ``WorkerLostError``."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def interrupt(self) -> bool:
        """Ask a load in progress to end with what it has, and return True; any other work goes on."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)
        return True

    @contextmanager
    def limited(self, what: str, limit_s: float, *, quiet: bool = False) -> Iterator[None]:
        """Kill the worker if this block takes too long; the time that the worker is frozen does not count.

        Args:
            what: the work in this block, for people.
            limit_s: seconds that it may take.
            quiet: the worker sends nothing meanwhile, as in a load: it counts as hung only if it is silent and also
                uses no CPU.
        """
        self._limit = _Limit(what, limit_s, _now() + limit_s, quiet)
        try:
            yield
        finally:
            self._limit = None

    async def freeze(self) -> None:
        """Stop every thread of the worker; returns when none of them runs.

        A stopped worker still ends with this process: the kernel kills it when its parent ends.
        """
        if self._process is None or self._process.returncode is not None:
            return
        self._frozen_at = _now()
        self._reschedule(None)  # a stopped worker sends nothing
        self._signal_group(signal.SIGSTOP)
        for _ in range(_STOP_LOOKS):
            if thread_states(self._process.pid) <= _AT_REST:
                return
            await asyncio.sleep(_STOP_PAUSE_S)

    def _signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the worker and to what it has started, unless that has a process group of its own."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def thaw(self) -> None:
        """Let a stopped worker continue."""
        if self._process is not None and self._process.returncode is None:
            self._signal_group(signal.SIGCONT)
            if self._frozen_at is not None and self._limit is not None:
                self._limit.until += _now() - self._frozen_at
            self._frozen_at = None
            self._listen()
            self._reschedule(self._deadline())

    def _listen(self) -> None:
        """Begin to wait for the worker: it has been silent for no time."""
        quiet = self._limit is not None and self._limit.quiet
        self._silence = Silence(self._silence_s, quiet, self._activity)

    def _deadline(self) -> float | None:
        """Return when to look whether the worker hangs or is over its limit, on the loop's clock; None if frozen."""
        if self._frozen_at is not None or self._silence is None:
            return None
        look = _now() + self._silence.period_s
        return look if self._limit is None else min(look, self._limit.until)

    def _is_overdue(self) -> bool:
        """Whether the worker, whose deadline has passed, hangs or is over its limit."""
        if self._frozen_at is not None or self._silence is None:
            return False
        return (self._limit is not None and _now() >= self._limit.until) or self._silence.hangs()

    def _reschedule(self, until: float | None) -> None:
        if self._timeout is not None:
            with suppress(RuntimeError):  # it has expired already
                self._timeout.reschedule(until)

    def _activity(self) -> Activity:
        return Activity.of(os.getpid() if self._process is None else self._process.pid)

    def place(self, cpus: Collection[int] | None, *, idle: bool) -> None:
        """Bind every thread of the worker to these CPUs.

        Threads that start later inherit CPUs and priority. A thread that ends meanwhile is skipped.

        Args:
            cpus: None leaves the worker as it is.
            idle: whether it runs only where no other process wants the CPU (``SCHED_IDLE``).
        """
        if cpus is None or self._process is None:
            return
        policy = os.SCHED_IDLE if idle else os.SCHED_OTHER
        for thread in threads_of(self._process.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.sched_setaffinity(thread, cpus)
                os.sched_setscheduler(thread, policy, os.sched_param(0))

    async def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            WorkerLostError: the worker has ended.
        """
        assert self._writer is not None
        try:
            self._writer.write(protocol.encode(message))
            await self._writer.drain()
        except ConnectionError:
            raise await self._lost() from None

    async def receive(self, *kinds: type[M]) -> M:
        """Wait for a message of one of these kinds and return it.

        Raises:
            WorkerLostError: the worker ended, was silent for too long, or sent something else.
        """
        reading = asyncio.create_task(self._read())
        try:
            message = await self._patiently(reading)
            if isinstance(message, kinds):
                return message
            expected = " or ".join(kind.kind for kind in kinds)
            raise ProtocolError(f"message {message.kind!r} where {expected} was expected")
        except TimeoutError:
            self.kill()
            raise WorkerLostError(Status.TIMEOUT, await self._failure(self._overdue())) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._lost() from None
        except ProtocolError as error:
            self.kill()
            raise WorkerLostError(Status.CRASHED, await self._failure(f"the worker sent {error}")) from None
        finally:
            self._timeout = None
            reading.cancel()

    async def _read(self) -> Message:
        assert self._reader is not None
        header = await self._reader.readexactly(protocol.HEADER_BYTES)
        return protocol.decode(await self._reader.readexactly(protocol.frame_size(header)))

    async def _patiently(self, reading: asyncio.Task[Message]) -> Message:
        """Wait for a message.

        A deadline that passes while this process had no CPU itself says nothing of the worker: what lies in the socket
        is read first.

        Raises:
            TimeoutError: the worker hangs or is over its limit.
        """
        self._listen()
        while True:
            try:
                async with asyncio.timeout_at(self._deadline()) as self._timeout:
                    return await asyncio.shield(reading)
            except TimeoutError:
                await asyncio.sleep(_READ_PAUSE_S)
                if not reading.done() and self._is_overdue():
                    raise

    def _overdue(self) -> str:
        if self._limit is not None and _now() >= self._limit.until:
            return f"{self._limit.what} took longer than {self._limit.limit_s:g} s, and the worker was killed"
        idle = ", used no CPU" if self._limit is not None and self._limit.quiet else ""
        return f"the worker sent nothing for {self._silence_s:g} s{idle} and was killed"

    async def _release(self) -> None:
        assert self._process is not None
        try:
            await self.send(Release())
            await asyncio.wait_for(self._process.wait(), _EXIT_GRACE_S)
        except (TimeoutError, WorkerLostError):
            self.kill()

    async def _lost(self) -> WorkerLostError:
        """Describe the end of a worker whose socket closed."""
        assert self._process is not None
        status, cause = end_of(await self._process.wait(), self._oom_kills, oom_kills(_ROOT))
        return WorkerLostError(status, await self._failure(cause))

    async def _failure(self, cause: str) -> Failure:
        assert self._process is not None
        code = await self._process.wait()
        return Failure(cause, stderr_tail=tail(self._log), exit_status=code)


def _now() -> float:
    return asyncio.get_running_loop().time()
