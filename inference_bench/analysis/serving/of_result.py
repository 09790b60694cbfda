"""The objectives of a run, judged by the requests of one of its cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference_bench.analysis.serving.request_figures import LATENCY, request_figures
from inference_bench.analysis.serving.verdicts import judge_slos
from inference_bench.result import BenchmarkResult
from inference_bench.slo import parse_slo

_INVALID = "INVALID"
"""In the note of a benchmark on a load that is not the one that was asked for."""


def has_requests(result: BenchmarkResult) -> bool:
    """Return whether a case has requests that objectives can be judged by."""
    return any(summary.metric in (LATENCY, "answered") for summary in result.summaries)


def with_slos(result: BenchmarkResult, slos: Sequence[str]) -> BenchmarkResult:
    """Return a result with the objectives judged; as it is without objectives or without requests.

    Args:
        result: with its samples and its table of requests.
        slos: objectives as they are written.

    Raises:
        UsageError: a text that is no objective.
    """
    requests = request_figures(result.samples, result.requests) if slos else None
    if requests is None:
        return result
    doubt = "the load was not the one asked for (INVALID)" if any(_INVALID in note for note in result.notes) else ""
    return replace(result, slo=judge_slos(requests, [parse_slo(slo) for slo in slos], doubt))
