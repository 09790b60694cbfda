"""Requests, runs and measurements for tests, each short."""

from __future__ import annotations

import asyncio
from pathlib import Path

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.measurement import Measurement
from inference_bench.model.model import Model
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.plan import Case
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.testing import QUICK


def spec(
    *models: str,
    benchmarks: tuple[str, ...] = ("inference_speed",),
    setup: Setup | None = None,
    runs: int = 1,
    limits: Limits = QUICK,
    isolation: str = "process",
    **axes: tuple[int | str, ...],
) -> Spec:
    """Return a request with one set-up."""
    setups = (setup or Setup(),)
    return Spec(models, benchmarks, setups, axes, runs=runs, limits=limits, isolation=isolation)


def run(request: Spec, output: Path, *models_dirs: Path, progress: Progress | None = None) -> RunOutcome:
    """Carry a request out with real workers."""
    return asyncio.run(run_benchmarks(request, output=output, models_dirs=models_dirs, progress=progress))


def measured(benchmark: Benchmark, model: Model, *, setup: Setup | None = None, **parameters: int | str) -> Measurement:
    """Measure one case in this process."""
    measurement = Measurement(QUICK)
    name = type(benchmark).__module__.rpartition(".")[2]
    benchmark.measure(model, Case(model.name, name, setup or Setup(), parameters), measurement)
    return measurement
