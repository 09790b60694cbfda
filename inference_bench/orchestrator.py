"""Carries out a plan: one fresh worker process per run of a model, results written as each case ends.

This process never imports torch: it starts workers, waits for them, and writes what they found.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference_bench.benchmark import Benchmark
from inference_bench.environment import describe_environment, warnings_of
from inference_bench.errors import (
    InferenceBenchError,
    InvalidValueError,
    NotApplicableError,
    PluginError,
    UnknownNameError,
)
from inference_bench.floor import FLOOR_LIMITS, floor_case, floor_of
from inference_bench.model import Model, ResolvedWeights
from inference_bench.plan import Case, Group, Plan, make_plan
from inference_bench.progress import Progress
from inference_bench.registry import ModelFile, find_models, load_class, load_model
from inference_bench.result import BenchmarkResult, Failure, RunRecord, Status
from inference_bench.run_folder import Run, create_run_folder, load_run
from inference_bench.sink import Sink, open_sinks
from inference_bench.spec import Limits, Spec
from inference_bench.tally import Tally
from inference_bench.units import NS_PER_S
from inference_bench.weights import resolve_weights
from inference_bench.worker_process import WorkerLostError, WorkerProcess


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A spec whose every name is resolved and whose every value is checked.

    Attributes:
        plan: the ordered cases.
        files: model name → its file.
        models: model name → its class, or why it cannot be used.
    """

    plan: Plan
    files: Mapping[str, ModelFile]
    models: Mapping[str, type[Model] | PluginError]


def prepare(spec: Spec, models_dirs: Sequence[Path] = ()) -> Prepared:
    """Resolve and check everything that can be known before anything is loaded.

    Raises:
        UsageError: a name that does not exist, or a value that a model or benchmark does not allow.
    """
    files = find_models(models_dirs)
    benchmarks = {name: _benchmark(name) for name in spec.benchmarks}
    plan = make_plan(spec, list(benchmarks.values()))
    models = {name: _model_or_error(name, files) for name in spec.models}
    for case in plan.cases:
        model = models[case.model]
        if isinstance(model, type):
            _check(benchmarks[case.benchmark], model, case)
    return Prepared(plan, files, models)


async def run_benchmarks(
    spec: Spec,
    *,
    output: Path,
    models_dirs: Sequence[Path] = (),
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> RunOutcome:
    """Measure everything a spec asks for and write it under ``output``.

    Args:
        spec: what to measure.
        output: where the run's folder is created.
        models_dirs: folders with further models.
        progress: who is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    progress = progress or Progress()
    prepared = prepare(spec, models_dirs)
    folder = create_run_folder(output)
    session = Session(spec, prepared, folder, open_sinks(folder), progress)
    with _signals(session) if handle_signals else nullcontext():
        session.begin()
        await session.measure_floor()
        for run, group in prepared.plan.worker_runs():
            async for result in session.measure_group(run, group):
                session.write(result)
            if session.stopping:
                break
        session.finish()
    progress.close()
    return RunOutcome(folder, load_run(folder), interrupted=session.stopping)


class Session:
    """The state of one run while it is measured."""

    def __init__(self, spec: Spec, prepared: Prepared, folder: Path, sink: Sink, progress: Progress) -> None:
        self.stopping = False
        self._prepared = prepared
        self._folder = folder
        self._sink = sink
        self._progress = progress
        self._worker: WorkerProcess | None = None
        self._workers_started = 0
        self._silence_s = spec.limits.silence_ns / NS_PER_S
        self._tallies = {case.id: Tally(case, spec.limits) for case in prepared.plan.cases}
        environment = describe_environment()
        environment["warnings"] = warnings_of(environment, max(setup.threads for setup in spec.setups))
        self._record = RunRecord(
            id=folder.name,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            spec=asdict(spec),
            environment=environment,
            cases=tuple({"id": c.id, "slug": c.slug, "status": "pending"} for c in prepared.plan.cases),
        )

    def begin(self) -> None:
        """Write what is known before the first case."""
        (self._folder / "logs").mkdir()
        self._sink.begin(self._record)
        self._progress.started(self._prepared.plan)
        for warning in self._record.environment["warnings"]:
            self._progress.warn(warning)

    def write(self, result: BenchmarkResult) -> None:
        """Write one case that has just ended."""
        entries = ({**e, "status": result.status.value} if e["id"] == result.case.id else e for e in self._record.cases)
        self._record = replace(self._record, cases=tuple(entries))
        self._sink.write(result, self._record)

    def finish(self) -> None:
        """Write the end of the run."""
        self._record = replace(self._record, finished=not self.stopping)
        self._sink.finish(self._record)

    def stop_after_case(self) -> None:
        """Stop once the present case has ended; the second call stops now."""
        if self.stopping and self._worker is not None:
            self._worker.kill()
        elif not self.stopping:
            self._progress.warn("finishing the present case; press Ctrl-C again to stop now")
        self.stopping = True

    async def measure_floor(self) -> None:
        """Measure the null model through the same path: what an interval costs that contains no work."""
        timed = [case for case in self._prepared.plan.cases if not _benchmark(case.benchmark).own_process]
        if not timed:
            return
        self._progress.message("measuring the harness floor with the null model")
        case = floor_case(timed[0])
        file = self._prepared.files.get(case.model) or find_models()[case.model]
        weights = ResolvedWeights(source="none", label="no weights", trained=False)
        tally = Tally(case, FLOOR_LIMITS)
        try:
            async with self._start_worker(case) as worker:
                await _load(worker, file, weights, case, FLOOR_LIMITS)
                tally.add(0, await self._measure(worker, case, FLOOR_LIMITS))
        except (WorkerLostError, LoadFailedError) as error:
            self._progress.warn(f"the harness floor could not be measured: {error}")
            return
        result = tally.result()
        clock = result.workers[0]["clock"]
        self._record = replace(self._record, floor=floor_of(result), clock=clock)
        self._sink.begin(self._record)

    async def measure_group(self, run: int, group: Group) -> AsyncIterator[BenchmarkResult]:
        """Measure the cases that share one load of one model, yielding each result as its case ends.

        A worker that is lost takes the case in flight with it; the group's remaining cases get a fresh one.
        """
        waiting = list(group.cases)
        limits = self._prepared.plan.limits
        try:
            weights = await self._weights(group)
        except InferenceBenchError as error:
            for case in waiting:
                yield self._fail(case, run, Status.FAILED, Failure(str(error)))
            return
        while waiting and not self.stopping:
            lost_with_worker = waiting[:]
            try:
                async with self._start_worker(waiting[0]) as worker:
                    self._progress.message(f"loading {group.model}")
                    about = await _load(worker, self._prepared.files[group.model], weights, waiting[0], limits)
                    while waiting and not self.stopping:
                        case = waiting[0]
                        lost_with_worker = [case]
                        self._progress.case_started(case, run)
                        self._tallies[case.id].add(run, await self._measure(worker, case, limits), about)
                        waiting.pop(0)
                        yield self._end(case, run)
            except (WorkerLostError, LoadFailedError) as error:
                for case in lost_with_worker:
                    waiting.remove(case)
                    yield self._fail(case, run, *self._verdict(error))

    def _verdict(self, error: WorkerLostError | LoadFailedError) -> tuple[Status, Failure]:
        if self.stopping:
            return Status.INTERRUPTED, replace(error.failure, cause="stopped by the user")
        return error.status, error.failure

    async def _weights(self, group: Group) -> ResolvedWeights:
        model = self._prepared.models[group.model]
        if isinstance(model, PluginError):
            raise model
        return await asyncio.to_thread(resolve_weights, model, group.setup, self._progress.message)

    @asynccontextmanager
    async def _start_worker(self, case: Case) -> AsyncIterator[WorkerProcess]:
        self._workers_started += 1
        log = self._folder / "logs" / f"worker-{self._workers_started:03}.log"
        environment = {
            "OMP_NUM_THREADS": str(case.setup.threads),
            "TOKENIZERS_PARALLELISM": "false",
            # The weights are on disk by now: a worker that reaches for the network would time the network.
            "HF_HUB_OFFLINE": "1",
        }
        async with WorkerProcess(log, environment, self._silence_s) as worker:
            self._worker = worker
            try:
                await worker.receive("hello")
                yield worker
            finally:
                self._worker = None

    async def _measure(self, worker: WorkerProcess, case: Case, limits: Limits) -> dict[str, Any]:
        await worker.send("measure", case=_plain_case(case), limits=asdict(limits))
        while True:
            message = await worker.receive("progress", "measured", "failed")
            if message["kind"] != "progress":
                return message
            self._progress.case_progress(case, message)

    def _end(self, case: Case, run: int) -> BenchmarkResult:
        result = self._tallies[case.id].result()
        self._progress.case_ended(result, run)
        return result

    def _fail(self, case: Case, run: int, status: Status, failure: Failure) -> BenchmarkResult:
        self._tallies[case.id].fail(status, failure)
        return self._end(case, run)


class LoadFailedError(InferenceBenchError):
    """The model could not be loaded: no case of its group can be measured."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        super().__init__(message["cause"])
        self.status = Status(message["status"])
        self.failure = Failure(message["cause"], detail=message["detail"])


async def _load(
    worker: WorkerProcess, file: ModelFile, weights: ResolvedWeights, case: Case, limits: Limits
) -> dict[str, Any]:
    """Load a model into a worker and return what it says of itself."""
    await worker.send(
        "load",
        model_file={"name": file.name, "path": str(file.path)},
        setup=asdict(case.setup),
        weights={**asdict(weights), "path": str(weights.path) if weights.path else None},
        case=_plain_case(case),
        limits=asdict(limits),
    )
    message = await worker.receive("loaded", "failed")
    if message["kind"] == "failed":
        raise LoadFailedError(message)
    about: dict[str, Any] = message["model"]
    return about


def _plain_case(case: Case) -> dict[str, Any]:
    return {
        "model": case.model,
        "benchmark": case.benchmark,
        "setup": asdict(case.setup),
        "parameters": dict(case.parameters),
    }


def _benchmark(name: str) -> Benchmark:
    return load_class("benchmark", "inference_bench.benchmarks", name, Benchmark)()  # type: ignore[type-abstract]


def _model_or_error(name: str, files: Mapping[str, ModelFile]) -> type[Model] | PluginError:
    if name not in files:
        raise UnknownNameError("model", name, files)
    try:
        return load_model(files[name])
    except PluginError as error:
        return error


def _check(benchmark: Benchmark, model: type[Model], case: Case) -> None:
    """Refuse what cannot be measured; a benchmark that merely does not apply becomes a row of the table later."""
    setup = case.setup
    if setup.device.split(":")[0] not in model.devices:
        raise InvalidValueError(f"device of {model.name}", setup.device, "one of " + ", ".join(model.devices))
    if setup.dtype not in model.dtypes:
        raise InvalidValueError(f"dtype of {model.name}", setup.dtype, "one of " + ", ".join(model.dtypes))
    try:
        benchmark.check(model, case)
    except NotApplicableError:
        return


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
