"""Histories of runs with known figures, for tests that judge a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Failure, Status
from inference_bench.results.run import Run
from inference_bench.testing import make_case, make_record, make_result, write_run

MACHINE = "abc123"
PROCESSES = 3


def result(
    number: int,
    case: Case | None = None,
    *,
    factor: float = 1.0,
    spread: float = 0.01,
    headline: Sequence[str] = ("ttft",),
) -> BenchmarkResult:
    """Return a result whose TTFT is 50 ms × factor and whose ITL is 5 ms, with this spread between processes."""
    generator = np.random.default_rng(number)

    def processes(figure_ns: float) -> list[list[int]]:
        medians = figure_ns * np.exp(spread * generator.standard_normal(PROCESSES))
        return [[round(median) + offset for offset in range(-2, 4)] for median in medians]

    found = make_result({"ttft": processes(5e7 * factor), "itl": processes(5e6)}, case=case)
    return replace(found, headline=tuple(headline))


def failed(case: Case | None = None) -> BenchmarkResult:
    """Return a case that crashed."""
    return BenchmarkResult(case or make_case(), Status.CRASHED, failure=Failure("killed by SIGSEGV"))


def write(folder: Path, number: int, *results: BenchmarkResult, machine: str = MACHINE, finished: bool = True) -> Run:
    """Write a run that began ``number`` hours after the year did."""
    record = make_record(*results, id=f"run-{number:03}")
    day, hour = divmod(number, 24)
    created_utc = f"2026-01-{day + 1:02}T{hour:02}:00:00+00:00"
    environment = {**record.environment, "fingerprint": machine}
    record = replace(record, created_utc=created_utc, environment=environment, finished=finished)
    return write_run(folder, *results, record=record)


def write_history(folder: Path, count: int, **how: float) -> list[Run]:
    """Write ``count`` runs of one case."""
    return [write(folder, number, result(number, **how)) for number in range(count)]  # type: ignore[arg-type]
