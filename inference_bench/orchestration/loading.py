"""Workers on their way from boot to the point where they wait, loaded, for their cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

from inference_bench._native import now_ns
from inference_bench.orchestration.overlap_policy import Needs, Overlap, Policy
from inference_bench.orchestration.worker_process import WorkerProcess

NOTHING = Needs()
Span = tuple[int, int]
"""Begin and end on CLOCK_MONOTONIC_RAW."""


class Stretches:
    """Spans of time, of which the last one may still be open."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._open_ns: int | None = None

    def begin(self) -> None:
        """Open a span now, unless one is open."""
        if self._open_ns is None:
            self._open_ns = now_ns()

    def end(self) -> None:
        """Close the open span now, if there is one."""
        if self._open_ns is not None:
            self._spans.append((self._open_ns, now_ns()))
            self._open_ns = None

    def until_now(self) -> list[Span]:
        """Return all spans, an open one as if it ended now."""
        return self._spans if self._open_ns is None else [*self._spans, (self._open_ns, now_ns())]

    def total_ns(self) -> int:
        """Return how long they are together."""
        return sum(end - begin for begin, end in self.until_now())


class Loading:
    """One worker from its start to its release, as an asynchronous context manager.

    ``begin`` starts it, ahead of its turn or when it is entered; entering waits until it is loaded. Before that it may
    be frozen and thawed at will. It is released, or killed after an error, when the block ends; ``discard`` ends one
    that was never entered.

    Args:
        worker: not yet started.
        load: boots and loads the model in it, and returns what the model says of itself; where the model parks, it
            awaits what it is given.
        ahead: tells where a worker may run.
        name: of the model, for people.
        device: that the model goes to.
        needs: what it will hold there and on the host.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        load: Callable[[WorkerProcess, Callable[[], Awaitable[None]]], Awaitable[dict[str, Any]]],
        ahead: LookAhead,
        name: str = "",
        device: str = "cpu",
        needs: Needs = NOTHING,
    ) -> None:
        self.worker = worker
        self.name = name
        self.device = device
        self.needs = needs
        self.about: dict[str, Any] = {}
        self.alive = Stretches()
        self.running = Stretches()
        self._load = load
        self._ahead = ahead
        self._task: asyncio.Task[dict[str, Any]] | None = None
        self._is_ahead = False
        self._is_frozen = False
        self._is_started = False
        self._is_parked = False
        self._booted = asyncio.Event()
        self._turn = asyncio.Event()

    @property
    def is_loading(self) -> bool:
        """Whether it has begun and is not yet loaded."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """Return ``loading``, ``frozen``, ``on the host`` or ``loaded``, for people."""
        if not self.is_loading:
            return "loaded"
        if self._is_parked:
            return "on the host"
        return "frozen" if self._is_frozen else "loading"

    def begin(self, *, ahead: bool) -> None:
        """Start the worker; it loads from now on, by itself."""
        self._is_ahead = ahead
        self.alive.begin()
        self.running.begin()
        self._task = asyncio.create_task(self._run())

    def begin_turn(self) -> None:
        """Let it load to the end, where it is to be measured."""
        self._is_ahead = False
        self._turn.set()
        if self._task is None:
            self.begin(ahead=False)
        self.thaw()
        self._place()

    async def freeze(self) -> None:
        """Stop it, if it is loading; returns when none of its threads runs any more.

        Before it has booted it cannot be stopped: it would not yet end with this process.
        """
        await self._booted.wait()
        if self.is_loading and not self._is_parked and not self._is_frozen:
            self._is_frozen = True
            await self.worker.freeze()
            self.running.end()

    def thaw(self) -> None:
        """Let it go on."""
        if self._is_frozen:
            self._is_frozen = False
            if self.is_loading and not self._is_parked:
                self.running.begin()
            self.worker.thaw()

    async def _park(self) -> None:
        """Wait, with everything on the host, until its turn has come; meanwhile it does nothing."""
        self._is_parked = True
        self.running.end()
        await self._turn.wait()
        self._is_parked = False
        self.running.begin()

    async def __aenter__(self) -> Loading:
        """Take it: its turn has come. Returns when the model is loaded.

        Raises:
            WorkerLostError: the worker was lost on the way.
            LoadFailedError: the model could not be loaded.
        """
        self.begin_turn()
        assert self._task is not None
        try:
            self.about = await self._task
        except BaseException as error:
            await self._end(error)
            raise
        finally:
            self.alive.end()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(error)

    async def discard(self) -> None:
        """End it, whatever it is doing."""
        self.thaw()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task
        self.alive.end()
        await self._end(asyncio.CancelledError())

    async def _run(self) -> dict[str, Any]:
        try:
            await self.worker.__aenter__()
            self._is_started = True
            self._place()
            await self.worker.receive("hello")
            self._booted.set()
            return await self._load(self.worker, self._park)
        finally:
            self._booted.set()
            self.running.end()

    def _place(self) -> None:
        if self._is_started:
            self.worker.place(self._ahead.cpus(ahead=self._is_ahead), idle=self._is_ahead)

    async def _end(self, error: BaseException | None) -> None:
        if self._is_started:
            self._is_started = False
            await self.worker.__aexit__(None if error is None else type(error), error, None)


class LookAhead:
    """The workers that load ahead of their turn, and what that hid.

    Args:
        overlap: the policy.
        room: how many may load or wait at a time.
    """

    def __init__(self, overlap: Overlap, room: int) -> None:
        self._overlap = overlap
        self._room = 0 if overlap.policy is Policy.OFF else room
        self._waiting: dict[int, Loading] = {}
        self._all: list[Loading] = []
        self._entering: Loading | None = None
        self._windows = Stretches()
        self._load_ns = 0
        self._hidden_ns = 0
        self._hideable_ns = 0

    def has_room(self) -> bool:
        """Whether another one may begin."""
        return len(self._waiting) < self._room

    def has(self, job: int) -> bool:
        """Whether this job's worker has begun ahead."""
        return job in self._waiting

    def begin(self, job: int, loading: Loading) -> None:
        """Begin to load a later job's worker."""
        self._waiting[job] = loading
        self._all.append(loading)
        loading.begin(ahead=True)

    def states(self) -> dict[str, str]:
        """Return what those that wait for their turn do, by the model's name."""
        return {loading.name: loading.state for loading in self._waiting.values()}

    def promised(self, device: str) -> Needs:
        """Return what those on their way will still take, of the host and of this device.

        How much of it they have taken already nobody knows, so all of it counts until they are loaded.
        """
        on_their_way = [each for each in (self._entering, *self._waiting.values()) if each and each.is_loading]
        return Needs(
            sum(each.needs.host_bytes for each in on_their_way),
            sum(each.needs.device_bytes for each in on_their_way if each.device == device),
        )

    def take(self, job: int) -> Loading | None:
        """Return this job's worker, if it has begun ahead."""
        return self._waiting.pop(job, None)

    @asynccontextmanager
    async def entered(
        self, loading: Loading, *, alone: bool, load_ahead: Callable[[], None] = lambda: None
    ) -> AsyncIterator[None]:
        """Enter a worker and account for the wait.

        Args:
            loading: whose turn has come.
            alone: nobody runs beside it while it loads.
            load_ahead: begins to load others; called while this one still loads, and when it is loaded.
        """
        came_ns = now_ns()
        ran_before_ns = loading.running.total_ns()
        self._entering = loading
        try:
            if alone:
                await self.open_window()
            else:
                loading.begin_turn()
                load_ahead()
            await loading.__aenter__()
        except BaseException:
            await loading.discard()
            raise
        finally:
            self._entering = None
            self.close_window()
        if not alone:
            self._account(loading, came_ns, ran_before_ns)
        try:
            load_ahead()
            yield
        except BaseException as error:
            await loading.__aexit__(type(error), error, None)
            raise
        await loading.__aexit__(None, None, None)

    async def open_window(self) -> None:
        """Freeze all that are still loading, unless they have processors of their own."""
        self._windows.begin()
        if self._overlap.policy is Policy.FREEZE:
            await asyncio.gather(*(loading.freeze() for loading in self._waiting.values()))

    def close_window(self) -> None:
        """Let them go on."""
        self._windows.end()
        for loading in self._waiting.values():
            loading.thaw()

    def cpus(self, *, ahead: bool) -> frozenset[int] | None:
        """Return the CPUs of a worker that loads ahead of its turn, or of one whose turn it is; None for all."""
        return self._overlap.load_cpus if ahead else self._overlap.measure_cpus

    def activity(self) -> dict[str, list[Span]]:
        """Return when some loader existed, and when one ran: what a sample's neighbourhood is judged by."""
        return {
            "alive": [span for loading in self._all for span in loading.alive.until_now()],
            "running": [span for loading in self._all for span in loading.running.until_now()],
        }

    def account(self) -> dict[str, int]:
        """Return nanoseconds: of loading, hidden behind measuring, and what the policy could have hidden."""
        return {
            "loads_ahead": len(self._all),
            "load_ns": self._load_ns,
            "hidden_ns": self._hidden_ns,
            "hideable_ns": self._hideable_ns,
        }

    async def close(self) -> None:
        """End every worker that waits for a turn that will not come."""
        for loading in self._waiting.values():
            await loading.discard()
        self._waiting.clear()

    def _account(self, loading: Loading, came_ns: int, ran_before_ns: int) -> None:
        """Add a load to the books: what ran before its turn came was hidden, behind what was measured or loaded then.

        What could have been hidden is, with ``partition``, all of it; with ``freeze`` the gaps between timed windows
        from the loader's start to its turn, and whatever ran within one: a worker that still boots cannot be frozen.
        """
        ran_ns = loading.running.total_ns()
        self._load_ns += ran_ns
        self._hidden_ns += ran_before_ns
        if loading not in self._all:
            return
        began_ns = loading.alive.until_now()[0][0]
        timed_ns = sum(
            min(end, came_ns) - max(begin, began_ns)
            for begin, end in self._windows.until_now()
            if end > began_ns and begin < came_ns
        )
        gap_ns = came_ns - began_ns - (timed_ns if self._overlap.policy is Policy.FREEZE else 0)
        could_ns = ran_ns if self._overlap.policy is Policy.PARTITION else min(ran_ns, max(gap_ns, 0))
        self._hideable_ns += max(could_ns, ran_before_ns)
