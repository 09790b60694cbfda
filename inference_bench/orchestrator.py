"""Carries out a plan: one fresh worker process per run of a model, results written as each case ends.

This process never imports torch: it starts workers, waits for them, and writes what they found.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from inference_bench.benchmark import Benchmark
from inference_bench.environment import describe_environment, warnings_of
from inference_bench.errors import (
    InferenceBenchError,
    InvalidValueError,
    NotApplicableError,
    PluginError,
    UnknownNameError,
)
from inference_bench.floor import FLOOR_LIMITS, floor_cases, floor_of
from inference_bench.model import Model, ResolvedWeights
from inference_bench.plan import Case, Group, Plan, make_plan
from inference_bench.progress import Progress
from inference_bench.registry import (
    BenchmarkFile,
    ModelFile,
    find_benchmarks,
    find_models,
    load_benchmark,
    load_model,
)
from inference_bench.result import BenchmarkResult, Failure, RunRecord, Status
from inference_bench.run_folder import Run, create_run_folder, load_run
from inference_bench.sink import Sink, open_sinks
from inference_bench.spec import Axis, Limits, Spec
from inference_bench.tally import Tally
from inference_bench.units import NS_PER_S
from inference_bench.weights import resolve_weights
from inference_bench.worker_process import WorkerLostError, WorkerProcess

F = TypeVar("F", ModelFile, BenchmarkFile)
T = TypeVar("T")


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
        benchmarks: model name → benchmark name → its class, or why it cannot be used.
        benchmark_files: model name → benchmark name → its file.
        not_applicable: case id → why its benchmark does not apply to its model.
    """

    plan: Plan
    files: Mapping[str, ModelFile]
    models: Mapping[str, type[Model] | PluginError]
    benchmarks: Mapping[str, Mapping[str, type[Benchmark] | PluginError]]
    benchmark_files: Mapping[str, Mapping[str, BenchmarkFile]]
    not_applicable: Mapping[str, str]

    def benchmark(self, case: Case) -> type[Benchmark]:
        """Return the class that measures a case.

        Raises:
            PluginError: its file cannot be used.
        """
        found = self.benchmarks[case.model][case.benchmark]
        if isinstance(found, PluginError):
            raise found
        return found

    def benchmark_path(self, case: Case) -> str | None:
        """Return the file that measures a case, or None for an installed benchmark."""
        path = self.benchmark_files[case.model][case.benchmark].path
        return None if path is None else str(path)


def prepare(spec: Spec, models_dirs: Sequence[Path] = (), benchmarks_dirs: Sequence[Path] = ()) -> Prepared:
    """Resolve and check everything that can be known before anything is loaded.

    Raises:
        UsageError: a name that does not exist, or a value that a model or benchmark does not allow.
    """
    files = find_models(models_dirs)
    for name in spec.models:
        if name not in files:
            raise UnknownNameError("model", name, files)
    models = {name: _or_error(load_model, files[name]) for name in spec.models}
    benchmark_files = {name: find_benchmarks(files[name], benchmarks_dirs) for name in spec.models}
    benchmarks = {name: _chosen(spec, benchmark_files) for name, benchmark_files in benchmark_files.items()}
    _check_named(spec, benchmark_files)
    plan = make_plan(spec, {name: _planned(models[name], of_model) for name, of_model in benchmarks.items()})
    not_applicable = {}
    for case in plan.cases:
        model, benchmark = models[case.model], benchmarks[case.model][case.benchmark]
        if isinstance(model, type) and isinstance(benchmark, type):
            try:
                _check(benchmark(), model, case)
            except NotApplicableError as error:
                not_applicable[case.id] = str(error)
    return Prepared(plan, files, models, benchmarks, benchmark_files, not_applicable)


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
    progress = progress or Progress()
    prepared = prepare(spec, models_dirs, benchmarks_dirs)
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
        cases = floor_cases(self._prepared.plan.cases)
        if not cases:
            return
        self._progress.message("measuring the harness floor with the null model")
        first = cases[0]
        file = self._prepared.files.get(first.model) or find_models()[first.model]
        weights = ResolvedWeights(source="none", label="no weights", trained=False)
        tallies = [Tally(case, FLOOR_LIMITS) for case in cases]
        try:
            async with self._start_worker(first) as worker:
                await _load(worker, file, weights, first, None, FLOOR_LIMITS)
                for tally in tallies:
                    tally.add(0, await self._measure(worker, tally.case, None, FLOOR_LIMITS))
        except (WorkerLostError, LoadFailedError) as error:
            self._progress.warn(f"the harness floor could not be measured: {error}")
            return
        results = [tally.result() for tally in tallies]
        clock = results[0].workers[0]["clock"]
        self._record = replace(self._record, floor=floor_of(results), clock=clock)
        self._sink.begin(self._record)

    async def measure_group(self, run: int, group: Group) -> AsyncIterator[BenchmarkResult]:
        """Measure the cases that share one load of one model, yielding each result as its case ends.

        A worker that is lost takes the case in flight with it; the group's remaining cases get a fresh one.
        """
        waiting: list[Case] = []
        limits, path_of = self._prepared.plan.limits, self._prepared.benchmark_path
        for case in group.cases:
            refusal = self._refusal(case)
            if refusal is None:
                waiting.append(case)
            else:
                yield self._fail(case, run, *refusal)
        if not waiting:
            return
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
                    file = self._prepared.files[group.model]
                    about = await _load(worker, file, weights, waiting[0], path_of(waiting[0]), limits)
                    while waiting and not self.stopping:
                        case = waiting[0]
                        lost_with_worker = [case]
                        self._progress.case_started(case, run)
                        message = await self._measure(worker, case, path_of(case), limits)
                        self._tallies[case.id].add(run, message, about)
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

    def _refusal(self, case: Case) -> tuple[Status, Failure] | None:
        """Return why a case is not tried at all, or None."""
        if case.id in self._prepared.not_applicable:
            return Status.NOT_APPLICABLE, Failure(self._prepared.not_applicable[case.id])
        try:
            self._prepared.benchmark(case)
        except PluginError as error:
            return Status.FAILED, Failure(str(error))
        hopeless = self._hopeless(case)
        return None if hopeless is None else (Status.OOM, hopeless)

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

    async def _measure(self, worker: WorkerProcess, case: Case, path: str | None, limits: Limits) -> dict[str, Any]:
        await worker.send("measure", case=_plain_case(case), benchmark_file=path, limits=asdict(limits))
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
    worker: WorkerProcess, file: ModelFile, weights: ResolvedWeights, case: Case, path: str | None, limits: Limits
) -> dict[str, Any]:
    """Load a model into a worker and return what it says of itself."""
    await worker.send(
        "load",
        model_file={"name": file.name, "path": str(file.path)},
        setup=asdict(case.setup),
        weights={**asdict(weights), "path": str(weights.path) if weights.path else None},
        case=_plain_case(case),
        benchmark_file=path,
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


def _or_error(load: Callable[[F], type[T]], file: F) -> type[T] | PluginError:
    try:
        return load(file)
    except PluginError as error:
        return error


def _chosen(spec: Spec, files: Mapping[str, BenchmarkFile]) -> dict[str, type[Benchmark] | PluginError]:
    """Return a model's benchmarks that the spec asks for, by name, in its order or that of the suite."""
    if spec.suite is None:
        return {name: _or_error(load_benchmark, files[name]) for name in spec.benchmarks if name in files}
    found = {name: _or_error(load_benchmark, file) for name, file in files.items()}
    # A file that cannot be imported may have meant this suite, and must not go unseen.
    return {name: of for name, of in found.items() if isinstance(of, PluginError) or spec.suite in of.suites}


def _check_named(spec: Spec, files: Mapping[str, Mapping[str, BenchmarkFile]]) -> None:
    known = {name for of_model in files.values() for name in of_model}
    for name in spec.benchmarks:
        if name not in known:
            raise UnknownNameError("benchmark", name, known)


@dataclass(frozen=True, slots=True)
class _Planned:
    """What planning needs to know of a benchmark; its defaults are those of one that cannot be used."""

    name: str
    axes: tuple[Axis, ...] = ()
    own_process: bool = False
    processes: int = 1
    repeats: bool = True


def _planned(
    model: type[Model] | PluginError, benchmarks: Mapping[str, type[Benchmark] | PluginError]
) -> list[_Planned]:
    """Return a model's benchmarks with the axes that they have for it; one that is broken gets a row of its own."""

    def planned(name: str, of: type[Benchmark] | PluginError) -> _Planned:
        if isinstance(of, PluginError):
            return _Planned(name)
        axes = of.axes_for(model) if isinstance(model, type) else of.axes
        return _Planned(name, axes, of.own_process, of.processes, of.repeats)

    return [planned(name, of) for name, of in benchmarks.items()]


def _check(benchmark: Benchmark, model: type[Model], case: Case) -> None:
    """Refuse what cannot be measured.

    Raises:
        UsageError: a value outside of what the model or benchmark allows.
        NotApplicableError: a benchmark that this model is no subject of.
    """
    setup = case.setup
    if setup.device.split(":")[0] not in model.devices:
        raise InvalidValueError(f"device of {model.name}", setup.device, "one of " + ", ".join(model.devices))
    if setup.dtype not in model.dtypes:
        raise InvalidValueError(f"dtype of {model.name}", setup.dtype, "one of " + ", ".join(model.dtypes))
    benchmark.check(model, case)


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
