"""For tests of plugins and tools: a clock that a test moves, the null model, and runs with known samples.

from inference_bench import testing

def test_my_benchmark():
    result = testing.measure(MyBenchmark(), testing.null_model(), input_length=8)
    assert result.summaries

def test_my_report(tmp_path):
    run = testing.write_run(tmp_path, testing.make_result({"ttft": [[5_000_000] * 40]}))
    assert "TTFT" in my_report(run)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inference_bench._native import clock_describe
from inference_bench.analysis.trust.case import judged
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import InvalidValueError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration.aggregation import Tally
from inference_bench.orchestration.messages import Measured
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, RunRecord, Stage
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Limits, Setup
from inference_bench.units import NS_PER_MS, NS_PER_S

QUICK = Limits(min_samples=30, budget_ns=50 * NS_PER_MS, relative_width=0.5)
"""Limits for tests: at most some 50 ms per case."""


class FakeClock:
    """A clock that moves only when it is told to; it stands in for ``now_ns`` wherever a ``clock`` is a parameter.

    Args:
        start_ns: first reading.
        step_ns: by how much each reading moves it on.
    """

    def __init__(self, start_ns: int = NS_PER_S, step_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._step_ns = step_ns

    def __call__(self) -> int:
        """Return the time in nanoseconds, then move on by ``step_ns``."""
        now_ns = self._now_ns
        self._now_ns += self._step_ns
        return now_ns

    def advance(self, duration_ns: int) -> None:
        """Move on.

        Raises:
            InvalidValueError: a negative duration; a clock never goes back.
        """
        if duration_ns < 0:
            raise InvalidValueError("duration_ns", duration_ns, "0 or more nanoseconds")
        self._now_ns += duration_ns


def null_model() -> Model:
    """Return the null model, loaded: it generates, encodes and does nothing."""
    model = load_model(find_models()["null"])()
    model.load(Setup(), ResolvedWeights(source="none", label="no weights", trained=False), LoadSteps())
    return model


def measure(
    benchmark: Benchmark,
    model: Model,
    *,
    setup: Setup | None = None,
    limits: Limits = QUICK,
    **parameters: int | str,
) -> BenchmarkResult:
    """Measure a loaded model in this process and return the result, as a worker and the orchestrator make it.

    Args:
        benchmark: what to measure with.
        model: loaded.
        setup: of the case; the default set-up if None.
        limits: when to stop sampling.
        parameters: of the case; those that are missing take the first default of their axis.

    Raises:
        UsageError: the benchmark refuses the case.
    """
    defaults = {axis.name: axis.default[0] for axis in benchmark.axes_for(type(model)) if axis.default}
    name = benchmark.name or type(benchmark).__name__
    case = Case(model.name, name, setup or Setup(), {**defaults, **parameters})
    benchmark.check(type(model), case)
    measurement = Measurement(limits)
    benchmark.measure(model, case, measurement)
    tally = Tally(case, limits)
    tally.add(0, _answer(measurement), {"name": model.name, "title": model.title})
    return tally.result()


def make_case(
    model: str = "example",
    benchmark: str = "inference_speed",
    *,
    setup: Setup | None = None,
    **parameters: int | str,
) -> Case:
    """Return a case with an input length of 32 and two threads, unless told otherwise."""
    return Case(model, benchmark, setup or Setup(threads=2), parameters or {"input_length": 32})


def make_result(
    values: Mapping[str, Sequence[Sequence[int]]],
    *,
    case: Case | None = None,
    phases: Mapping[str, str] | None = None,
) -> BenchmarkResult:
    """Return the result of known samples, summarised as measured ones are.

    Args:
        values: metric → one sequence per run (fresh process) → its measured samples, in nanoseconds or bytes.
        case: what was measured; ``make_case()`` if None.
        phases: metric → phase, where it is not the whole iteration.

    Raises:
        InvalidValueError: a value that is no whole number of 64 bits.
        UnknownNameError: no metric has this tag.
    """
    tally = Tally(case or make_case(), QUICK)
    for run in range(max(map(len, values.values()), default=0)):
        measurement = Measurement(QUICK)
        iteration = measurement.once()
        for metric, runs in values.items():
            for index, value in enumerate(runs[run] if run < len(runs) else ()):
                sample = replace(iteration, index=index, stage=Stage.MEASURED)
                sample.record(metric, value, phase=(phases or {}).get(metric, ""), start_ns=index * NS_PER_S)
        tally.add(run, _answer(measurement), {"title": "Example"})
    return tally.result()


def make_record(*results: BenchmarkResult, id: str = "20260101T000000Z-000000") -> RunRecord:
    """Return the record of a finished run that holds these results."""
    return RunRecord(
        id=id,
        created_utc="2026-01-01T00:00:00+00:00",
        spec={},
        environment={"cpu": {"model": "an example processor", "logical": 2, "usable": 2}},
        clock=clock_describe(),
        cases=tuple({"id": each.case.id, "slug": each.case.slug, "status": each.status.value} for each in results),
        finished=True,
    )


def write_run(output: Path, *results: BenchmarkResult, record: RunRecord | None = None) -> Run:
    """Judge the results, write a run folder below ``output`` with all sinks, and return the run, read back.

    Args:
        output: created if needed; the run gets a folder of its own in it.
        results: one per case.
        record: of the run; if None, that of ``make_record(*results)`` with the folder's name.
    """
    folder = create_run_folder(output)
    record = record or make_record(*results, id=folder.name)
    sink = open_sinks(folder)
    sink.begin(replace(record, finished=False))
    for result in results:
        sink.write(judged(result, record), replace(record, finished=False))
    sink.finish(record)
    return load_run(folder)


def _answer(measurement: Measurement) -> Measured:
    decision = measurement.decision
    return Measured(
        samples=measurement.columns(),
        scores=measurement.scores(),
        rates=measurement.rates,
        memory=None,
        decision={"converged": decision.converged, "reason": decision.reason, "targets": decision.targets},
        worker={
            "pid": os.getpid(),
            "first_case": True,
            "load_steps": [],
            "usage": {},
            "clock": clock_describe(),
            "busy_threads": 2,
            "waited_ns": 0,
            "work": {},
            "versions": {},
            "sampler": None,
        },
        notes=measurement.notes,
        requests=measurement.requests,
        chunks=measurement.chunks,
        server_readings=measurement.server_readings,
        floor=measurement.floor,
        interrupted=measurement.interrupted,
    )
