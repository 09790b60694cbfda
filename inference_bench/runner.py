"""The Python interface: run benchmarks from programs and notebooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict, Unpack

from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.provenance.record import marked
from inference_bench.results.run_folder import default_output
from inference_bench.results.storage import place_of
from inference_bench.spec import SURVEY_BUDGET_NS, Limits, Setup, Spec


class RunnerOptions(TypedDict, total=False):
    """Keyword arguments of ``BenchmarkRunner``, except the suite."""

    benchmarks: Sequence[str]
    setups: Sequence[Setup] | None
    axes: Mapping[str, Sequence[int | str]] | None
    runs: int
    limits: Limits | None
    output: str | Path | None
    models_dirs: Sequence[str | Path]
    benchmarks_dirs: Sequence[str | Path]
    isolation: str
    label: str
    note: str
    tags: Mapping[str, str] | None
    sinks: Sequence[str]
    progress: Progress | None


class BenchmarkRunner:
    """Finds models, measures them and writes the results.

    Args:
        models: names of models; None for all.
        suite: one of ``spec.SUITES``; ignored if ``benchmarks`` are given.
        benchmarks: names of benchmarks, instead of a suite.
        setups: how each model is loaded. The default is float32 on all usable CPUs; with all models, unavailable
            weights are replaced by random ones of reduced size (labelled).
        axes: values of benchmark parameters, by name.
        runs: fresh processes per case.
        limits: when to stop sampling a case. The default is 25 s per case, or 1 s with all models.
        output: folder that each run's folder is created in, or an address on a store, ``s3://bucket/prefix``; None for
            the one that ``INFERENCE_BENCH_OUTPUT`` names, or ``benchmark_results``.
        models_dirs: folders with further models, ``<name>/model.py``.
        benchmarks_dirs: folders with further benchmarks, ``benchmark_<name>.py``.
        isolation: one of ``spec.ISOLATIONS``; ``inline`` measures in this process, with its limits.
        label: name of the run, by which ``report`` and ``compare`` find it.
        note: why it was measured.
        tags: further facts by name, such as the number of a pull request.
        sinks: names of sinks that write each run besides its folder, such as ``mlflow``.
        progress: receives progress events.

    Raises:
        UsageError: a folder that does not exist, or a value that is not allowed.
    """

    def __init__(
        self,
        models: Sequence[str] | None = None,
        *,
        suite: str = "performance",
        benchmarks: Sequence[str] = (),
        setups: Sequence[Setup] | None = None,
        axes: Mapping[str, Sequence[int | str]] | None = None,
        runs: int = 1,
        limits: Limits | None = None,
        output: str | Path | None = None,
        models_dirs: Sequence[str | Path] = (),
        benchmarks_dirs: Sequence[str | Path] = (),
        isolation: str = "process",
        label: str = "",
        note: str = "",
        tags: Mapping[str, str] | None = None,
        sinks: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> None:
        self._output = place_of(output) if output is not None else default_output()
        self._models_dirs = [Path(folder) for folder in models_dirs]
        self._benchmarks_dirs = [Path(folder) for folder in benchmarks_dirs]
        self._marks = marked(label, note, (tags or {}).items())
        self._sinks = tuple(sinks)
        self._progress = progress
        default = Setup(threads=available_cpus(), weights="any" if models is None else "auto")
        self.spec = Spec(
            models=tuple(find_models(self._models_dirs) if models is None else models),
            benchmarks=tuple(benchmarks),
            setups=tuple(setups) if setups is not None else (default,),
            axes={name: tuple(values) for name, values in (axes or {}).items()},
            runs=runs,
            limits=limits or (Limits(budget_ns=SURVEY_BUDGET_NS) if models is None else Limits()),
            suite=None if benchmarks else suite,
            isolation=isolation,
        )

    async def run_async(self) -> RunOutcome:
        """Measure inside a running event loop.

        Raises:
            UsageError: an unknown name or an invalid value; nothing was measured.
        """
        return await run_benchmarks(
            self.spec,
            output=self._output,
            models_dirs=self._models_dirs,
            benchmarks_dirs=self._benchmarks_dirs,
            marks=self._marks,
            sinks=self._sinks,
            progress=self._progress,
        )

    def run(self) -> RunOutcome:
        """Measure and block until done; also works inside a running event loop, such as in a notebook.

        Raises:
            UsageError: an unknown name or an invalid value; nothing was measured.
        """
        return _blocking(lambda: asyncio.run(self.run_async()))


def run_standardized_benchmarks(
    benchmark_suite: str = "performance", models: Sequence[str] | None = None, **options: Unpack[RunnerOptions]
) -> RunOutcome:
    """Measure a suite on models and write the results.

    Args:
        benchmark_suite: ``performance``, ``accuracy`` or ``full``; the command ``run`` without one measures speed and
            memory only.
        models: names of models; None for all.
        **options: see ``BenchmarkRunner``.

    Raises:
        UsageError: an unknown name or an invalid value; nothing was measured.
    """
    return BenchmarkRunner(models, suite=benchmark_suite, **options).run()


async def run_standardized_benchmarks_async(
    benchmark_suite: str = "performance", models: Sequence[str] | None = None, **options: Unpack[RunnerOptions]
) -> RunOutcome:
    """Measure a suite inside a running event loop; see ``run_standardized_benchmarks``."""
    return await BenchmarkRunner(models, suite=benchmark_suite, **options).run_async()


def _blocking(work: Callable[[], RunOutcome]) -> RunOutcome:
    """Call ``work`` here, or in a new thread if this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
