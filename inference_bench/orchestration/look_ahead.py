"""Loading ahead: while one model loads or is measured, the models of later jobs load, where that disturbs nothing.

What loads when is decided here and nowhere else: ``LookAhead.loaded`` is the whole course of one job's load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from inference_bench._native import now_ns
from inference_bench.orchestration.eligibility import Eligibility
from inference_bench.orchestration.jobs import Job
from inference_bench.orchestration.loading import Loading
from inference_bench.orchestration.overlap_policy import Needs, Overlap, Policy, Until
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.stretches import Activity, Stretches
from inference_bench.orchestration.workers import Workers
from inference_bench.plan import Case


class LookAhead:
    """The workers that load ahead of their turn, and how much of the loading that hid.

    Args:
        jobs: in the order of measuring.
        workers: makes the worker of each.
        eligibility: says which jobs may load ahead.
        overlap: the policy.
        room: how many may load or wait ahead at a time.
        progress: is told what loads ahead.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: Workers,
        eligibility: Eligibility,
        overlap: Overlap,
        room: int,
        progress: Progress,
    ) -> None:
        self._jobs = jobs
        self._workers = workers
        self._eligibility = eligibility
        self._overlap = overlap
        self._room = 0 if overlap.policy is Policy.OFF else room
        self._progress = progress
        self._said: set[str] = set()
        self._ahead: dict[int, Loading] = {}
        self._all: list[Loading] = []
        self._entering: Loading | None = None
        self._present: Loading | None = None
        self._windows = Stretches()
        self._load_ns = 0
        self._hidden_ns = 0
        self._hideable_ns = 0

    @asynccontextmanager
    async def loaded(self, job: Job, case: Case) -> AsyncIterator[Loading]:
        """Hold the worker of a job, its model loaded; later jobs begin to load as soon as they may.

        Args:
            job: whose turn has come.
            case: its first that will be measured.

        Raises:
            WorkerLostError: the worker was lost while it loaded.
            LoadFailedError: the model could not be loaded.
        """
        loading = self._ahead.pop(job.number, None) or self._workers.for_case(case)
        async with self._holding(loading):
            self.report()
            if self._eligibility.is_alone(job.group):
                await self._load_alone(loading)
            else:
                await self._load_beside(loading, job)
            self._begin_later(job)
            yield loading

    @asynccontextmanager
    async def loaded_alone(self, loading: Loading) -> AsyncIterator[None]:
        """Hold a worker that belongs to no job, its model loaded.

        Raises:
            WorkerLostError: the worker was lost while it loaded.
            LoadFailedError: the model could not be loaded.
        """
        async with self._holding(loading):
            await self._load_alone(loading)
            yield

    @asynccontextmanager
    async def _holding(self, loading: Loading) -> AsyncIterator[None]:
        """Keep a worker as the present one until it has ended."""
        self._present = loading
        try:
            async with loading:
                yield
        finally:
            self._present = None

    async def drop(self, job: Job) -> None:
        """Kill the worker that loaded ahead for a job whose cases are not to be measured."""
        loading = self._ahead.pop(job.number, None)
        if loading is not None:
            await loading.discard()

    def stop(self) -> None:
        """Kill every worker, whatever it does; who waits for one gets ``WorkerLostError``."""
        for loading in (self._present, *self._ahead.values()):
            if loading is not None:
                loading.stop()

    async def _load_alone(self, loading: Loading) -> None:
        """Load a model while no loader runs."""
        try:
            await self.open_window()
            loading.begin_turn()
            await loading.loaded()
        finally:
            self.close_window()

    async def _load_beside(self, loading: Loading, job: Job) -> None:
        """Load a model to the end, while later ones begin to load."""
        came_ns, ran_before_ns = now_ns(), loading.running.total_ns()
        self._entering = loading
        try:
            loading.begin_turn()
            self._begin_later(job)
            await loading.loaded()
        finally:
            self._entering = None
        self._account(loading, came_ns, ran_before_ns)

    def _begin_later(self, job: Job) -> None:
        """Begin to load the jobs after this one, as far as the policy and the memory allow."""
        for later in self._jobs[job.number + 1 :]:
            if len(self._ahead) >= self._room:
                return
            case = self._eligibility.first_ahead(later)
            if case is None or later.number in self._ahead:
                continue
            until, reason = self._workers.how_far_ahead(case, self._promised)
            self._say_once(reason)
            if until is Until.NOTHING:
                return
            loading = self._workers.for_case(case, parks=until is Until.HOST)
            self._ahead[later.number] = loading
            self._all.append(loading)
            loading.begin_ahead()

    def _promised(self, device: str) -> Needs:
        """Return what workers that load now will still take, of the host and of this device.

        How much of it they have taken already is unknown, so all of it counts until they are loaded.
        """
        entering = [] if self._entering is None else [self._entering]
        loading = [each for each in (*entering, *self._ahead.values()) if each.is_loading]
        return Needs(
            sum(each.needs.host_bytes for each in loading),
            sum(each.needs.device_bytes for each in loading if each.request.setup.device == device),
        )

    def _say_once(self, reason: str) -> None:
        if reason and reason not in self._said:
            self._said.add(reason)
            self._progress.message(reason)

    async def open_window(self) -> None:
        """Freeze all that still load, unless they have CPUs of their own."""
        self._windows.begin()
        if self._overlap.policy is Policy.FREEZE:
            await asyncio.gather(*(loading.freeze() for loading in self._ahead.values()))

    def close_window(self) -> None:
        """Let them continue."""
        self._windows.end()
        for loading in self._ahead.values():
            loading.thaw()

    def report(self) -> None:
        """Tell the progress what waits for its turn: model → ``loading``, ``frozen``, ``on the host``, ``loaded``."""
        self._progress.loading_ahead({loading.request.case.model: loading.state for loading in self._ahead.values()})

    def activity(self) -> Activity:
        """Return when loaders existed and ran: each sample is labelled by it."""
        return Activity(
            [span for loading in self._all for span in loading.alive.until_now()],
            [span for loading in self._all for span in loading.running.until_now()],
        )

    def account(self) -> dict[str, int]:
        """Return how many loads began ahead, and nanoseconds: of loading, hidden, and that the policy could hide."""
        return {
            "loads_ahead": len(self._all),
            "load_ns": self._load_ns,
            "hidden_ns": self._hidden_ns,
            "hideable_ns": self._hideable_ns,
        }

    async def close(self) -> None:
        """Kill the workers whose turn will not come."""
        await asyncio.gather(*(loading.discard() for loading in self._ahead.values()))
        self._ahead.clear()

    def _account(self, loading: Loading, came_ns: int, ran_before_ns: int) -> None:
        """Add one load: what ran before its turn came was hidden behind the measurement or the load of another.

        The policy could have hidden, with ``partition``, all of it; with ``freeze`` the gaps between timed windows from
        the loader's start to its turn, and what ran within a window all the same, as a worker that boots cannot be
        frozen.
        """
        ran_ns = loading.running.total_ns()
        self._load_ns += ran_ns
        self._hidden_ns += ran_before_ns
        if loading not in self._all:
            return
        began_ns = loading.alive.until_now()[0][0]
        timed_ns = self._windows.within_ns(began_ns, came_ns) if self._overlap.policy is Policy.FREEZE else 0
        gap_ns = max(came_ns - began_ns - timed_ns, 0)
        could_ns = ran_ns if self._overlap.policy is Policy.PARTITION else min(ran_ns, gap_ns)
        self._hideable_ns += max(could_ns, ran_before_ns)
