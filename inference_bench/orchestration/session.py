"""One run while it is measured: its jobs, its workers, its record and its sinks."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

from inference_bench.analysis.serving.of_result import with_slos
from inference_bench.analysis.trust.case import judged
from inference_bench.errors import InvalidValueError, SinkError
from inference_bench.machine.environment import environment_changes
from inference_bench.machine.interruption import Interruption
from inference_bench.orchestration.aggregation import Tally
from inference_bench.orchestration.catching_up import Backlog, catch_up
from inference_bench.orchestration.eligibility import Eligibility, Refusal
from inference_bench.orchestration.fetched_weights import FetchedWeights
from inference_bench.orchestration.further_runs import FurtherRuns
from inference_bench.orchestration.harness_floor import FLOOR_LIMITS, floor_cases, floor_of
from inference_bench.orchestration.jobs import Job, done_cases, jobs_of
from inference_bench.orchestration.launcher_use import LauncherUse
from inference_bench.orchestration.look_ahead import LookAhead
from inference_bench.orchestration.memory_fit import MemoryFit
from inference_bench.orchestration.messages import CaseProgress, Failed, Measure, Measured
from inference_bench.orchestration.overlap_policy import choose_overlap
from inference_bench.orchestration.planning import Prepared
from inference_bench.orchestration.progress import Harmless, Progress
from inference_bench.orchestration.run_record import record_of
from inference_bench.orchestration.stop_requests import StopRequests
from inference_bench.orchestration.worker_calls import LoadFailedError, measure
from inference_bench.orchestration.worker_process import WorkerLostError, WorkerProcess
from inference_bench.orchestration.workers import Workers
from inference_bench.plan import Case
from inference_bench.provenance.record import Provenance
from inference_bench.result import BenchmarkResult, Failure, Status
from inference_bench.results.run import Run
from inference_bench.results.sink import open_sinks
from inference_bench.spec import ENDPOINT, Spec

_INLINE = (
    "measured inside the calling process (isolation inline): it was not fresh, other threads of it may have run, "
    "and nothing could be killed at a time limit"
)

_STOPPED = Refusal(Status.INTERRUPTED, Failure("stopped by the user"))


class Session:
    """The state of one run while it is measured; when its block ends, no worker of it is left.

    Args:
        spec: what was asked for.
        prepared: its plan and its plugins.
        folder: where results go.
        progress: is told what happens.
        provenance: where the run comes from; a resumed run keeps its own.
        former: this run as an earlier process left it.
        sinks: names of sinks besides those of every run.
        retry_failed: whether cases that failed in it are measured again.
        force: whether models are loaded although their weights seem not to fit into memory.
        in_share: whether a placement started this process: the CPU time of its launcher is recorded.

    Attributes:
        folder: where results go.
        sink_failure: which sinks could not write the end of the run, and why; empty if none.
    """

    def __init__(
        self,
        spec: Spec,
        prepared: Prepared,
        folder: Path,
        progress: Progress,
        provenance: Provenance,
        former: Run | None = None,
        *,
        sinks: Iterable[str] = (),
        retry_failed: bool = False,
        force: bool = False,
        in_share: bool = False,
    ) -> None:
        self.folder = folder
        self.sink_failure = ""
        self._prepared = prepared
        self._slos = spec.slos
        self._breakdown = spec.breakdown
        self._progress = progress = Harmless(progress)
        self._stops = StopRequests(self._stop_now, progress.warn)
        self._former = former
        self._in_share = in_share
        self._interruption = Interruption()
        self._sink = open_sinks(folder, also=sinks)
        self._backlog = Backlog(self._sink, progress)
        done = {} if former is None else done_cases(former, prepared.plan, retry_failed=retry_failed)
        self._record = record_of(spec, prepared, folder, former, done, provenance)
        self._jobs = jobs_of(prepared.plan, done)
        is_inline = spec.isolation == "inline"
        notes = [_INLINE] if is_inline else []
        ceilings = {each.device: each for each in self._record.ceilings}
        self._tallies = {
            case.id: Tally(case, spec.limits, prepared.headline(case), ceilings.get(case.setup.device), notes=notes[:])
            for case in prepared.plan.cases
        }
        self._weights = FetchedWeights(prepared)
        self._further = FurtherRuns(prepared.plan, self._tallies, spec.time_ns)
        fit = MemoryFit(force=force)
        self._eligibility = Eligibility(prepared, self._weights, self._tallies, fit, self._further)
        cpus = sorted(os.sched_getaffinity(0))
        self._overlap = choose_overlap("off" if is_inline else spec.overlap, spec.setups, cpus)
        self._workers = Workers(spec, prepared, self._weights, folder / "logs", self._overlap)
        self._ahead = LookAhead(self._jobs, self._workers, self._eligibility, self._overlap, spec.lookahead, progress)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stops.any

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stops.close()
        await self._ahead.close()
        self._progress.close()

    def check_environment(self, *, force: bool) -> None:
        """Refuse to continue on another machine or with other software.

        Raises:
            InvalidValueError: they differ, and this was not forced.
        """
        if self._former is None or force:
            return
        changes = environment_changes(self._former.record.environment, self._record.environment)
        if changes:
            raise InvalidValueError(
                "environment",
                "; ".join(changes),
                "the one that the run began in",
                "Start a new run, or resume anyway with --force.",
            )

    def begin(self) -> None:
        """Write what is known before the first case."""
        (self.folder / "logs").mkdir(exist_ok=True)
        self._sink.begin(self._record)
        self._backlog.tell()
        self._progress.started(self._prepared.plan)
        for warning in self._record.environment["warnings"]:
            self._progress.warn(warning)
        if any(not self._eligibility.is_alone(job.group) for job in self._jobs[1:]):
            self._progress.message(f"overlap: {self._overlap.policy}: {self._overlap.reason}")

    def write(self, result: BenchmarkResult) -> None:
        """Write one case that has just ended."""
        entries = ({**e, "status": result.status.value} if e["id"] == result.case.id else e for e in self._record.cases)
        self._record = replace(self._record, cases=tuple(entries))
        self._sink.write(judged(with_slos(result, self._slos), self._record), self._record)
        self._backlog.tell()

    async def finish(self) -> None:
        """Write the end of the run; a store that does not answer gets some minutes, unless Ctrl-C ends the wait."""
        overlap = {"policy": self._overlap.policy.value, "reason": self._overlap.reason, **self._ahead.account()}
        self._record = replace(self._record, finished=not self.stopping, overlap=overlap)
        failures = []
        try:
            self._sink.finish(self._record)
        except SinkError as error:
            failures.append(str(error))
        try:
            failures.append(await catch_up(self._sink, self._is_stopped_again(), self._progress))
        except SinkError as error:
            failures.append(str(error))
        self.sink_failure = " ".join(filter(None, failures))
        if self.sink_failure:
            self._progress.warn(self.sink_failure)

    def _is_stopped_again(self) -> Callable[[], bool]:
        """Return what tells whether another request to stop has come since now."""
        before = self._stops.count
        return lambda: self._stops.count > before

    def stop_after_case(self) -> None:
        """Stop when the present case has ended, and at a second call now; see ``StopRequests``."""
        self._stops.add()

    def _stop_now(self) -> None:
        self._interruption.stop()
        self._ahead.stop()

    async def fetch_weights(self) -> None:
        """Have all weights on disk before anything is timed."""
        for job in self._jobs:
            if self.stopping:
                return
            if not self._eligibility.applies(job.group):
                continue
            short = self._eligibility.shortage(job.group)
            if not short:
                await self._weights.fetch(job.group, self._progress.message, self._interruption)
            elif job.group.setup.weights == "any":
                self._progress.message(f"{short}: using random weights of reduced size instead")
                await self._weights.fetch(job.group, self._progress.message, self._interruption, reduced=True)

    async def measure_floor(self) -> None:
        """Measure the null model through the same path: the cost of an interval that contains no work."""
        planned = (case for job in self._jobs for case in job.group.cases)
        cases = floor_cases(case for case in planned if not self._eligibility.refusal(case))
        if not cases or self.stopping:
            return
        self._progress.message("measuring the harness floor with the null model")
        loading = self._workers.for_floor(cases[0])
        tallies = [Tally(case, FLOOR_LIMITS) for case in cases]
        try:
            async with self._ahead.loaded_alone(loading):
                for tally in tallies:
                    tally.add(0, await self._measure(loading.worker, Measure(tally.case, None, FLOOR_LIMITS)))
        except (WorkerLostError, LoadFailedError) as error:
            if not self.stopping:
                self._progress.warn(f"the harness floor could not be measured: {error}")
            return
        results = [tally.result() for tally in tallies]
        clock = next((worker["clock"] for result in results for worker in result.workers), None)
        if clock is None:
            causes = {result.failure.cause for result in results if result.failure is not None}
            self._progress.warn(f"the harness floor could not be measured: {'; '.join(sorted(causes))}")
            return
        self._record = replace(self._record, floor=floor_of(results), clock=clock)
        self._sink.begin(self._record)
        self._backlog.tell()

    async def measure_plan(self) -> AsyncGenerator[BenchmarkResult, None]:
        """Measure job after job, yielding each result as its case ends; later jobs load meanwhile."""
        for result in self._not_fetched():
            yield result
        self._further.begin()
        for job in self._jobs:
            if self.stopping:
                return
            waiting = []
            for case in job.group.cases:
                if self._tallies[case.id].status is Status.NOT_APPLICABLE:
                    continue  # as its first process found out
                if not self._eligibility.is_needed(case, job.run):
                    self._progress.not_needed(case, job.run)
                    continue
                refusal = self._eligibility.refusal(case)
                if refusal is None:
                    waiting.append(case)
                else:
                    yield self._fail(case, job, refusal)
            if not waiting:
                await self._ahead.drop(job)
            async with aclosing(self._measure_job(job, waiting)) as results:
                async for result in results:
                    yield result

    def _not_fetched(self) -> Iterator[BenchmarkResult]:
        """Yield the results of the cases whose weights were being fetched when the run was stopped."""
        for job in self._jobs:
            for case in job.group.cases:
                if self._weights.is_interrupted(case) and self._tallies[case.id].status is not Status.INTERRUPTED:
                    yield self._fail(case, job, _STOPPED)

    async def _measure_job(self, job: Job, waiting: list[Case]) -> AsyncGenerator[BenchmarkResult, None]:
        """Measure cases that share one load of one model.

        A worker that is lost takes the case in flight with it; the remaining cases get a fresh one.
        """
        while waiting and not self.stopping:
            lost_with_worker = waiting[:]
            self._progress.message(f"loading {waiting[0].model}")
            try:
                async with self._ahead.loaded(job, waiting[0]) as loading:
                    while waiting and not self.stopping:
                        case = waiting[0]
                        lost_with_worker = [case]
                        self._ahead.report()
                        self._progress.case_started(case, job.run)
                        answer = await self._measure(loading.worker, self._request(case, job.run))
                        self._tallies[case.id].add(job.run, answer, loading.about, self._ahead.activity())
                        waiting.pop(0)
                        yield self._end(case, job)
                        for result in self._give_up(waiting, job):
                            yield result
            except (WorkerLostError, LoadFailedError) as error:
                for case in lost_with_worker:
                    waiting.remove(case)
                    yield self._fail(case, job, self._reason(error))
                for result in self._give_up(waiting, job):
                    yield result

    def _request(self, case: Case, run: int) -> Measure:
        is_first = self._breakdown and run == 0
        return Measure(case, self._prepared.benchmark_path(case), self._prepared.plan.limits, run, breakdown=is_first)

    async def _measure(self, worker: WorkerProcess, request: Measure) -> Measured | Failed:
        launcher = [LauncherUse()] if self._in_share else []
        with self._stops.measuring(worker, is_over_http=request.case.setup.device == ENDPOINT):
            answer = await measure(worker, request, [self._ahead, *launcher], partial(self._show, request.case))
        return launcher[0].added_to(answer) if launcher else answer

    def _show(self, case: Case, progress: CaseProgress) -> None:
        self._ahead.report()
        self._progress.case_progress(case, progress)

    def _give_up(self, waiting: list[Case], job: Job) -> Iterator[BenchmarkResult]:
        """Remove the cases that cannot succeed where others ran out of memory, and yield their results."""
        for case in waiting[:]:
            if (refusal := self._eligibility.hopeless(case)) is not None:
                waiting.remove(case)
                yield self._fail(case, job, refusal)

    def _reason(self, error: WorkerLostError | LoadFailedError) -> Refusal:
        if self.stopping:
            return replace(_STOPPED, failure=replace(error.failure, cause=_STOPPED.failure.cause))
        return Refusal(error.status, error.failure)

    def _end(self, case: Case, job: Job) -> BenchmarkResult:
        result = self._tallies[case.id].result()
        self._progress.case_ended(result, job.run)
        return result

    def _fail(self, case: Case, job: Job, why: Refusal) -> BenchmarkResult:
        self._tallies[case.id].fail(why.status, why.failure)
        return self._end(case, job)
