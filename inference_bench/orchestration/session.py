"""Carries out a plan: one fresh worker process per run of a model, results written as each case ends.

This process never imports torch: it starts workers, waits for them, and writes what they found. The exception is asked
for: with isolation ``inline`` the worker is a thread of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference_bench.errors import InferenceBenchError, InvalidValueError, PluginError
from inference_bench.machine.environment import describe_environment, differences, warnings_of
from inference_bench.model.discovery import ModelFile, find_models
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.aggregation import Tally
from inference_bench.orchestration.harness_floor import FLOOR_LIMITS, floor_cases, floor_of
from inference_bench.orchestration.loading import NOTHING, Loading, LookAhead
from inference_bench.orchestration.overlap_policy import Until, choose_overlap, how_far_ahead, needs_of
from inference_bench.orchestration.planning import Prepared, prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.worker_process import WorkerLostError, WorkerProcess
from inference_bench.orchestration.worker_thread import WorkerThread
from inference_bench.plan import Case, Group, Plan
from inference_bench.result import BenchmarkResult, Failure, RunRecord, Status
from inference_bench.results.run_folder import Run, create_run_folder, load_run, locked
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

_INLINE = (
    "measured inside the process that asked (isolation inline): it was not fresh, other threads of it may have run, "
    "and nothing could have been killed at a time limit"
)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that has ended.

    Attributes:
        folder: where it was written.
        run: the run, read back from that folder.
        interrupted: whether it was asked to stop before the plan's end.
    """

    folder: Path
    run: Run
    interrupted: bool

    @property
    def has_findings(self) -> bool:
        """Whether any case failed."""
        return any(result.status.is_finding for result in self.run.results)


async def run_benchmarks(
    spec: Spec,
    *,
    output: Path,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> RunOutcome:
    """Measure everything a spec asks for and write it under ``output``.

    Args:
        spec: what to measure.
        output: where the run's folder is created.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        progress: who is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    prepared = prepare(spec, models_dirs, benchmarks_dirs)
    folder = create_run_folder(output)
    return await _carry_out(Session(spec, prepared, folder, progress or Progress()), handle_signals)


async def resume_run(
    folder: Path,
    *,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    retry_failed: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> RunOutcome:
    """Go on with a run that did not reach its end: measure what is missing, into the same folder.

    Args:
        folder: of the run.
        models_dirs: as the run was given.
        benchmarks_dirs: as the run was given.
        retry_failed: also measure again what failed.
        force: go on although machine or software have changed since.
        progress: who is told what happens.
        handle_signals: as for ``run_benchmarks``.

    Raises:
        RunFormatError: the folder is no readable run.
        UsageError: it cannot be gone on with as things are; nothing was measured.
    """
    former = load_run(folder)
    spec = spec_from_plain(former.record.spec)
    prepared = prepare(spec, models_dirs, benchmarks_dirs)
    session = Session(spec, prepared, folder, progress or Progress(), former, retry_failed=retry_failed)
    session.check_environment(force=force)
    return await _carry_out(session, handle_signals)


async def _carry_out(session: Session, handle_signals: bool) -> RunOutcome:
    with locked(session.folder), _signals(session) if handle_signals else nullcontext():
        async with session:
            session.begin()
            await session.fetch_weights()
            await session.measure_floor()
            # Closed here and now where writing fails: the loop's end would close what is still at work in it.
            async with aclosing(session.measure_plan()) as results:
                async for result in results:
                    session.write(result)
            session.finish()
    return RunOutcome(session.folder, load_run(session.folder), interrupted=session.stopping)


class Session:
    """The state of one run while it is measured; when its block ends, no worker of it is left.

    Args:
        spec: what was asked for.
        prepared: the same, resolved.
        folder: where results go.
        progress: who is told what happens.
        former: this run as an earlier process left it.
        retry_failed: whether what failed in it is to be measured again.
    """

    def __init__(
        self,
        spec: Spec,
        prepared: Prepared,
        folder: Path,
        progress: Progress,
        former: Run | None = None,
        *,
        retry_failed: bool = False,
    ) -> None:
        self.stopping = False
        self.folder = folder
        self._prepared = prepared
        self._sink = open_sinks(folder)
        self._progress = progress
        self._inline = spec.isolation == "inline"
        policy, lookahead = ("off", 0) if self._inline else (spec.overlap, spec.lookahead)
        self._overlap = choose_overlap(policy, spec.setups, sorted(os.sched_getaffinity(0)))
        self._ahead = LookAhead(self._overlap, lookahead)
        self._park = spec.park
        self._said: set[str] = set()
        self._weights: dict[tuple[str, Setup], ResolvedWeights | InferenceBenchError] = {}
        self._worker: WorkerProcess | None = None
        self._workers_started = len(list((folder / "logs").glob("*"))) if former else 0
        self._silence_s = spec.limits.silence_ns / NS_PER_S
        notes = [_INLINE] if self._inline else []
        self._tallies = {case.id: Tally(case, spec.limits, notes=notes[:]) for case in prepared.plan.cases}
        done = {} if former is None else _done(former, prepared.plan, retry_failed)
        self._jobs = _jobs(prepared.plan, done)
        environment = describe_environment()
        environment["warnings"] = warnings_of(environment, max(setup.threads for setup in spec.setups))
        self._former = former
        self._record = RunRecord(
            id=folder.name,
            created_utc=former.record.created_utc if former else datetime.now(UTC).isoformat(timespec="seconds"),
            spec=asdict(spec),
            environment=environment,
            cases=tuple({"id": c.id, "slug": c.slug, "status": done.get(c.id, "pending")} for c in prepared.plan.cases),
        )

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._ahead.close()
        self._progress.close()

    def check_environment(self, *, force: bool) -> None:
        """Refuse to go on where another machine or other software would measure the rest.

        Raises:
            InvalidValueError: they differ, and this was not forced.
        """
        if self._former is None or force:
            return
        changes = differences(self._former.record.environment, self._record.environment)
        if changes:
            raise InvalidValueError(
                "environment",
                "; ".join(changes),
                "the one that the run began in",
                "Start a new run, or go on all the same with --force.",
            )

    def begin(self) -> None:
        """Write what is known before the first case."""
        (self.folder / "logs").mkdir(exist_ok=True)
        self._sink.begin(self._record)
        self._progress.started(self._prepared.plan)
        for warning in self._record.environment["warnings"]:
            self._progress.warn(warning)
        for _, group in self._jobs:
            if group is not self._jobs[0][1] and not self._is_alone(group):
                self._progress.message(f"overlap: {self._overlap.policy}: {self._overlap.reason}")
                break

    def write(self, result: BenchmarkResult) -> None:
        """Write one case that has just ended."""
        entries = ({**e, "status": result.status.value} if e["id"] == result.case.id else e for e in self._record.cases)
        self._record = replace(self._record, cases=tuple(entries))
        self._sink.write(result, self._record)

    def finish(self) -> None:
        """Write the end of the run."""
        overlap = {"policy": self._overlap.policy.value, "reason": self._overlap.reason, **self._ahead.account()}
        self._record = replace(self._record, finished=not self.stopping, overlap=overlap)
        self._sink.finish(self._record)

    def stop_after_case(self) -> None:
        """Stop once the present case has ended; the second call stops now."""
        if self.stopping and self._worker is not None:
            self._worker.kill()
        elif not self.stopping:
            self._progress.warn("finishing the present case; press Ctrl-C again to stop now")
        self.stopping = True

    async def fetch_weights(self) -> None:
        """Have all weights on disk before anything is timed: a download beside a measurement would disturb it."""
        for _, group in self._jobs:
            key = group.model, group.setup
            if key in self._weights or self.stopping or not self._triable(group):
                continue
            model = self._prepared.models[group.model]
            try:
                if isinstance(model, PluginError):
                    raise model
                self._weights[key] = await asyncio.to_thread(
                    resolve_weights, model, group.setup, self._progress.message
                )
            except InferenceBenchError as error:
                self._weights[key] = error

    async def measure_floor(self) -> None:
        """Measure the null model through the same path: what an interval costs that contains no work."""
        cases = floor_cases(case for _, group in self._jobs for case in group.cases)
        if not cases or self.stopping:
            return
        self._progress.message("measuring the harness floor with the null model")
        first = cases[0]
        file = self._prepared.files.get(first.model) or find_models()[first.model]
        weights = ResolvedWeights(source="none", label="no weights", trained=False)
        loading = self._loading(first, None, file, weights, FLOOR_LIMITS)
        tallies = [Tally(case, FLOOR_LIMITS) for case in cases]
        try:
            async with self._ahead.entered(loading, alone=True):
                for tally in tallies:
                    tally.add(0, await self._measure(loading.worker, tally.case, None, FLOOR_LIMITS))
        except (WorkerLostError, LoadFailedError) as error:
            self._progress.warn(f"the harness floor could not be measured: {error}")
            return
        results = [tally.result() for tally in tallies]
        clock = results[0].workers[0]["clock"]
        self._record = replace(self._record, floor=floor_of(results), clock=clock)
        self._sink.begin(self._record)

    async def measure_plan(self) -> AsyncGenerator[BenchmarkResult, None]:
        """Measure group after group, the next one loading meanwhile where that disturbs nothing."""
        for index, (run, group) in enumerate(self._jobs):
            waiting = []
            for case in group.cases:
                if self._tallies[case.id].status is Status.NOT_APPLICABLE:
                    continue  # as its first process found out
                refusal = self._refusal(case)
                if refusal is None:
                    waiting.append(case)
                else:
                    yield self._fail(case, run, *refusal)
            async with aclosing(self._measure_group(index, run, waiting)) as results:
                async for result in results:
                    yield result
            if self.stopping:
                return

    async def _measure_group(self, index: int, run: int, waiting: list[Case]) -> AsyncGenerator[BenchmarkResult, None]:
        """Measure the cases that share one load of one model, yielding each result as its case ends.

        A worker that is lost takes the case in flight with it; the group's remaining cases get a fresh one.
        """
        limits, path_of = self._prepared.plan.limits, self._prepared.benchmark_path
        while waiting and not self.stopping:
            lost_with_worker = waiting[:]
            self._progress.message(f"loading {waiting[0].model}")
            loading = self._ahead.take(index) or self._loading_of(waiting[0])
            self._progress.loading_ahead(self._ahead.states())
            try:
                alone = self._is_alone(self._jobs[index][1])
                async with self._ahead.entered(loading, alone=alone, load_ahead=lambda: self._load_ahead(index)):
                    while waiting and not self.stopping:
                        case = waiting[0]
                        lost_with_worker = [case]
                        self._progress.loading_ahead(self._ahead.states())
                        self._progress.case_started(case, run)
                        message = await self._measure(loading.worker, case, path_of(case), limits)
                        self._tallies[case.id].add(run, message, loading.about, self._ahead.activity())
                        waiting.pop(0)
                        yield self._end(case, run)
                        for result in self._give_up(waiting, run):
                            yield result
            except (WorkerLostError, LoadFailedError) as error:
                for case in lost_with_worker:
                    waiting.remove(case)
                    yield self._fail(case, run, *self._verdict(error))
                for result in self._give_up(waiting, run):
                    yield result

    def _give_up(self, waiting: list[Case], run: int) -> Iterator[BenchmarkResult]:
        """Take out the cases that cannot succeed where others ran out of memory; yield what is said of them."""
        for case in waiting[:]:
            if (failure := self._hopeless(case)) is not None:
                waiting.remove(case)
                yield self._fail(case, run, Status.OOM, failure)

    def _hopeless(self, case: Case) -> Failure | None:
        """Return why a case need not be tried, or None."""
        benchmark = self._prepared.benchmark(case)()
        for ended in self._tallies.values():
            other = ended.case
            same = (other.model, other.setup, other.benchmark) == (case.model, case.setup, case.benchmark)
            if ended.status is Status.OOM and same and benchmark.is_hopeless(case, after=other):
                differing = [
                    f"{name.replace('_', ' ')} {value}"
                    for name, value in other.parameters.items()
                    if case.parameters.get(name) != value
                ]
                return Failure(f"not tried: {', '.join(differing)} ran out of memory")
        return None

    def _load_ahead(self, index: int) -> None:
        """Begin to load what comes after this job, as far as the policy and the memory allow."""
        for later in range(index + 1, len(self._jobs)):
            if not self._ahead.has_room():
                return
            _, group = self._jobs[later]
            weights = self._weights.get((group.model, group.setup))
            model = self._prepared.models[group.model]
            cases = [case for case in group.cases if self._refusal(case) is None]
            if self._is_alone(group) or not cases or not isinstance(weights, ResolvedWeights) or self._ahead.has(later):
                continue
            if not isinstance(model, type):
                continue  # its plugin is broken
            until, reason = how_far_ahead(model, group.setup, weights.scale, self._park, self._ahead.promised)
            if reason and reason not in self._said:
                self._said.add(reason)
                self._progress.message(reason)
            if until is Until.NOTHING:
                return
            self._ahead.begin(later, self._loading_of(cases[0], parks=until is Until.HOST))

    def _is_alone(self, group: Group) -> bool:
        """Whether a group's load is itself measured: nobody loads it ahead, and nobody runs beside it."""
        try:
            return any(self._prepared.benchmark(case).own_process for case in group.cases)
        except PluginError:
            return True

    def _triable(self, group: Group) -> bool:
        return any(case.id not in self._prepared.not_applicable for case in group.cases)

    def _refusal(self, case: Case) -> tuple[Status, Failure] | None:
        """Return why a case is not tried at all, or None."""
        if case.id in self._prepared.not_applicable:
            return Status.NOT_APPLICABLE, Failure(self._prepared.not_applicable[case.id])
        try:
            self._prepared.benchmark(case)
        except PluginError as error:
            return Status.FAILED, Failure(str(error))
        weights = self._weights.get((case.model, case.setup))
        if isinstance(weights, InferenceBenchError):
            return Status.FAILED, Failure(str(weights))
        hopeless = self._hopeless(case)
        return None if hopeless is None else (Status.OOM, hopeless)

    def _verdict(self, error: WorkerLostError | LoadFailedError) -> tuple[Status, Failure]:
        if self.stopping:
            return Status.INTERRUPTED, replace(error.failure, cause="stopped by the user")
        return error.status, error.failure

    def _loading_of(self, case: Case, *, parks: bool = False) -> Loading:
        weights = self._weights[case.model, case.setup]
        assert isinstance(weights, ResolvedWeights)
        file, path = self._prepared.files[case.model], self._prepared.benchmark_path(case)
        return self._loading(case, path, file, weights, self._prepared.plan.limits, parks=parks)

    def _loading(
        self,
        case: Case,
        path: str | None,
        file: ModelFile,
        weights: ResolvedWeights,
        limits: Limits,
        *,
        parks: bool = False,
    ) -> Loading:
        """Return a worker, not yet started, that will load a model for this case and those that share it."""
        self._workers_started += 1
        log = self.folder / "logs" / f"worker-{self._workers_started:03}.log"
        environment = {
            "OMP_NUM_THREADS": str(case.setup.threads),
            "TOKENIZERS_PARALLELISM": "false",
            # The weights are on disk by now: a worker that reaches for the network would time the network.
            "HF_HUB_OFFLINE": "1",
        }

        async def load(worker: WorkerProcess, turn: Callable[[], Awaitable[None]]) -> dict[str, Any]:
            limit_s = limits.load_ns / NS_PER_S
            with worker.limited("loading the model", limit_s, quiet=True):
                message = await _load(worker, file, weights, case, path, limits, parks=parks)
            if message["kind"] == "parked":
                await turn()
                with worker.limited("loading the model", limit_s, quiet=True):
                    await worker.send("proceed")
                    message = await worker.receive("loaded", "failed")
            if message["kind"] == "failed":
                raise LoadFailedError(message)
            about: dict[str, Any] = message["model"]
            return about

        worker = WorkerThread(self._silence_s) if self._inline else WorkerProcess(log, environment, self._silence_s)
        model = self._prepared.models.get(case.model)
        needs = needs_of(model, case.setup, weights.scale) if isinstance(model, type) else NOTHING
        return Loading(worker, load, self._ahead, case.model, case.setup.device, needs)

    async def _measure(self, worker: WorkerProcess, case: Case, path: str | None, limits: Limits) -> dict[str, Any]:
        self._worker = worker
        try:
            with worker.limited("the case", limits.case_ns / NS_PER_S):
                await worker.send("measure", case=_plain_case(case), benchmark_file=path, limits=asdict(limits))
                while True:
                    message = await worker.receive("progress", "window", "measured", "failed")
                    if message["kind"] == "progress":
                        self._progress.loading_ahead(self._ahead.states())
                        self._progress.case_progress(case, message)
                    elif message["kind"] == "window":
                        await self._window(worker, opens=message["opens"])
                    else:
                        return message
        finally:
            self._worker = None
            self._ahead.close_window()

    async def _window(self, worker: WorkerProcess, *, opens: bool) -> None:
        """Before a timed window opens, stop whoever could disturb it; let them go on when it closes."""
        if opens:
            await self._ahead.open_window()
            await worker.send("go")
        else:
            self._ahead.close_window()

    def _end(self, case: Case, run: int) -> BenchmarkResult:
        result = self._tallies[case.id].result()
        self._progress.case_ended(result, run)
        return result

    def _fail(self, case: Case, run: int, status: Status, failure: Failure) -> BenchmarkResult:
        self._tallies[case.id].fail(status, failure)
        return self._end(case, run)


def _done(former: Run, plan: Plan, retry_failed: bool) -> dict[str, str]:
    """Return the cases that need no more measuring, with their status: those whose every run is on disk."""
    planned = {case.id for case in plan.cases}
    found = {}
    for result in former.results:
        case_id, status = result.case.id, result.status
        complete = len(result.workers) >= plan.runs.get(case_id, 1) if status is Status.OK else not retry_failed
        if status is Status.NOT_APPLICABLE or (complete and status is not Status.INTERRUPTED):
            found[case_id] = status.value
    return {case_id: status for case_id, status in found.items() if case_id in planned}


def _jobs(plan: Plan, done: Mapping[str, str]) -> list[tuple[int, Group]]:
    """Return each worker to start, with its run number, without the cases that are done."""
    rest = (
        (run, replace(group, cases=tuple(case for case in group.cases if case.id not in done)))
        for run, group in plan.worker_runs()
    )
    return [(run, group) for run, group in rest if group.cases]


class LoadFailedError(InferenceBenchError):
    """The model could not be loaded: no case of its group can be measured."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        super().__init__(message["cause"])
        self.status = Status(message["status"])
        self.failure = Failure(message["cause"], detail=message["detail"])


async def _load(
    worker: WorkerProcess,
    file: ModelFile,
    weights: ResolvedWeights,
    case: Case,
    path: str | None,
    limits: Limits,
    *,
    parks: bool,
) -> dict[str, Any]:
    """Have a worker load a model and return its answer."""
    await worker.send(
        "load",
        model_file={"name": file.name, "path": str(file.path)},
        setup=asdict(case.setup),
        weights={**asdict(weights), "path": str(weights.path) if weights.path else None},
        case=_plain_case(case),
        benchmark_file=path,
        limits=asdict(limits),
        parks=parks,
    )
    return await worker.receive("loaded", "parked", "failed")


def _plain_case(case: Case) -> dict[str, Any]:
    return {
        "model": case.model,
        "benchmark": case.benchmark,
        "setup": asdict(case.setup),
        "parameters": dict(case.parameters),
    }


@contextmanager
def _signals(session: Session) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, session.stop_after_case)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
