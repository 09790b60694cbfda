"""One worker from its start until its model is loaded, and then until it is released."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

from inference_bench.orchestration.messages import Load, Loaded, Parked
from inference_bench.orchestration.overlap_policy import Needs, Overlap
from inference_bench.orchestration.stretches import Stretches
from inference_bench.orchestration.worker_calls import begin_load, finish_load
from inference_bench.orchestration.worker_process import WorkerProcess

NOTHING = Needs()


class Loading:
    """A worker and its load, as an asynchronous context manager.

    ``begin_ahead`` or ``begin_turn`` starts the worker, which then loads on its own; until it is loaded it may be
    frozen and thawed. ``loaded`` waits for it. When the block ends the worker is released, or killed after an error.

    Args:
        worker: not yet started.
        request: what it loads.
        overlap: the CPUs on which it loads ahead of its turn and on which it is measured.
        needs: bytes that it will hold on the host and on the device.

    Attributes:
        about: what the model says of itself; empty until it is loaded.
        alive: from the worker's start until its model is loaded and taken.
        running: when it was loading: neither frozen, nor waiting on the host, nor loaded.
    """

    def __init__(self, worker: WorkerProcess, request: Load, overlap: Overlap, needs: Needs = NOTHING) -> None:
        self.worker = worker
        self.request = request
        self.needs = needs
        self.about: Mapping[str, object] = {}
        self.alive = Stretches()
        self.running = Stretches()
        self._overlap = overlap
        self._task: asyncio.Task[Loaded] | None = None
        self._is_ahead = False
        self._is_frozen = False
        self._is_started = False
        self._is_parked = False
        self._is_stopped = False
        self._booted = asyncio.Event()
        self._turn = asyncio.Event()

    @property
    def is_loading(self) -> bool:
        """Whether it has begun and is not yet loaded."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """``loading``, ``frozen``, ``on the host`` or ``loaded``, for people."""
        if not self.is_loading:
            return "loaded"
        if self._is_parked:
            return "on the host"
        return "frozen" if self._is_frozen else "loading"

    def begin_ahead(self) -> None:
        """Start the worker ahead of its turn."""
        self._is_ahead = True
        self._begin()

    def begin_turn(self) -> None:
        """Start the worker, or let one that began ahead load to the end."""
        self._is_ahead = False
        self._turn.set()
        if self._task is None:
            self._begin()
        self.thaw()
        self._place()

    async def loaded(self) -> None:
        """Wait until the model is loaded.

        Raises:
            WorkerLostError: the worker was lost on the way.
            LoadFailedError: the model could not be loaded.
        """
        assert self._task is not None
        try:
            self.about = (await self._task).model
        finally:
            self.alive.end()

    async def freeze(self) -> None:
        """Stop the worker if it is loading; returns when none of its threads runs.

        A worker that boots cannot be stopped yet, as it would not end with this process: this waits until it has.
        """
        await self._booted.wait()
        if self.is_loading and not self._is_parked and not self._is_frozen:
            self._is_frozen = True
            await self.worker.freeze()
            self.running.end()

    def thaw(self) -> None:
        """Let a frozen worker continue."""
        if self._is_frozen:
            self._is_frozen = False
            if self.is_loading and not self._is_parked:
                self.running.begin()
            self.worker.thaw()

    def stop(self) -> None:
        """Kill the worker; who waits for it, or for its answer, gets ``WorkerLostError``."""
        self._is_stopped = True
        self.worker.kill()

    async def discard(self) -> None:
        """Kill the worker, whatever it is doing."""
        self.thaw()
        try:
            if self._task is not None:
                self._task.cancel()
                # Unlike awaiting the task, this raises CancelledError only where the caller itself is cancelled.
                await asyncio.wait([self._task])
                if not self._task.cancelled():
                    self._task.exception()  # otherwise asyncio logs that it was never retrieved
        finally:
            self.alive.end()
            await self._end(asyncio.CancelledError())

    async def __aenter__(self) -> Loading:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (self._end(None) if kind is None else self.discard())

    def _begin(self) -> None:
        self.alive.begin()
        self.running.begin()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> Loaded:
        """Boot the worker and load the model; a model that parks waits on the host for its turn."""
        try:
            await self.worker.__aenter__()
            self._is_started = True
            self._place()
            if self._is_stopped:
                self.worker.kill()
            answer = await begin_load(self.worker, self.request, self._booted)
            if isinstance(answer, Parked):
                await self._wait_for_turn()
                answer = await finish_load(self.worker, self.request.limits)
            return answer
        finally:
            self._booted.set()
            self.running.end()

    async def _wait_for_turn(self) -> None:
        self._is_parked = True
        self.running.end()
        await self._turn.wait()
        self._is_parked = False
        self.running.begin()

    def _place(self) -> None:
        if self._is_started:
            cpus = self._overlap.load_cpus if self._is_ahead else self._overlap.measure_cpus
            self.worker.place(cpus, idle=self._is_ahead)

    async def _end(self, error: BaseException | None) -> None:
        """Release the worker, or kill it after an error."""
        if self._is_started:
            self._is_started = False
            await self.worker.__aexit__(None if error is None else type(error), error, None)
