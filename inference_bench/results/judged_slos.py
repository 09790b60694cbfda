"""Objectives judged by the requests of a run that is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.analysis.serving.of_result import has_requests, with_slos
from inference_bench.errors import UsageError
from inference_bench.result import BenchmarkResult, Requests, Samples
from inference_bench.results.parquet_table import from_arrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.results.run import Run


def run_with_slos(run: Run, slos: Sequence[str]) -> Run:
    """Return a run with the objectives judged anew for each case that has requests; as it is without objectives.

    Raises:
        UsageError: no case has requests, or a text that is no objective.
        RunFormatError: the samples of a case are missing or damaged.
    """
    if not slos:
        return run
    if not any(map(has_requests, run.results)):
        raise UsageError(f"run {run.record.id} has no requests to judge by {slos[0]}: expected a run of serving_load.")
    return replace(run, results=tuple(result_with_slos(run, result, slos) for result in run.results))


def result_with_slos(run: Run, result: BenchmarkResult, slos: Sequence[str]) -> BenchmarkResult:
    """Return a result of a run with the objectives judged anew; as it is if it has no requests.

    Raises:
        RunFormatError: its samples are missing or damaged.
    """
    if not has_requests(result):
        return result
    files = run.files[result.case.id]
    samples = from_arrow(run.samples(result), Samples) if files["samples"] else None
    requests = from_arrow(run.table(result, "requests"), Requests) if files.get("requests") else None
    judged = with_slos(replace(result, samples=samples, requests=requests), slos)
    return replace(judged, samples=None, requests=None)
