"""What stands under the table of a load: how the client fared that sent it, and what it takes on a null server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.grade import Severity
from inference_bench.metrics import is_of_client, title_of, unit_of
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Cell, Tone
from inference_bench.result import CLIENT_RULES
from inference_bench.spec import ENDPOINT
from inference_bench.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.grade import Finding
    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult, Summary

_FLOOR = ("request_ttft", "ttft", "itl", "request_latency", "e2e", "dispatch_lag")
"""Metrics whose floor is shown, in order; results.json has all."""


def client_lines(results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    """Yield one line: the client's own times and CPU, at their worst over all cases, and whether they matter.

    Args:
        results: the cases of one table; nothing is yielded if no load was sent.
    """
    lags = _by_metric(results)
    if not lags:
        return
    parts = [_worst(metric, summaries) for metric, summaries in lags.items()]
    verdict, tone = _verdict(results)
    yield Cell(f"client: {', '.join(parts)}: {verdict}", tone)


def _by_metric(results: Sequence[BenchmarkResult]) -> dict[str, list[Summary]]:
    """Return the summaries of the client's own times, and of its use of a CPU, by metric."""
    found: dict[str, list[Summary]] = {}
    for result in results:
        for summary in result.summaries:
            if is_of_client(summary.metric) and (unit_of(summary.metric) == "ns" or summary.metric == "client_cpu"):
                found.setdefault(summary.metric, []).append(summary)
    return found


def _worst(metric: str, summaries: Sequence[Summary]) -> str:
    if unit_of(metric) != "ns":
        share = max(summary.headline.value or 0.0 for summary in summaries)
        return f"{title_of(metric)} {100 * share:.2g} %"
    tails = [summary.quantiles["p99"].value for summary in summaries if "p99" in summary.quantiles]
    known = [value for value in tails if value is not None]
    if len(known) == len(summaries):
        return f"{title_of(metric)} p99 {format_ns(max(known))}"
    return f"{title_of(metric)} at most {format_ns(max(summary.maximum for summary in summaries))}"


def _verdict(results: Sequence[BenchmarkResult]) -> tuple[str, Tone]:
    """Return whether the client can be relied on, by the findings of the cases' grades, worst first."""
    found: dict[str, list[tuple[Finding, Case]]] = {}
    for result in results:
        for finding in result.grade.findings if result.grade else ():
            if finding.code in CLIENT_RULES:
                found.setdefault(finding.code, []).append((finding, result.case))
    if not found:
        return "trustworthy", Tone.QUIET
    members = max(found.values(), key=lambda each: max(finding.severity for finding, _ in each))
    worst = max((finding for finding, _ in members), key=lambda finding: finding.severity)
    where = Places(results).names(case for _, case in members)
    is_grave = worst.severity is Severity.GRAVE
    word = "INVALID" if is_grave else "held up"
    return f"{word}: {worst.evidence}" + f" ({where})" * bool(where), Tone.ALARM if is_grave else Tone.WARNING


def floor_lines(results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    """Yield one line: what the same loads took on a null server, at most; or that it was not measured."""
    floors = [result.floor for result in results if result.floor]
    parts = [
        f"{title_of(metric)} {format_ns(most)}{_tail(metric, floors)}"
        for metric in _FLOOR
        if (most := _most(metric, "p50", floors)) is not None
    ]
    if parts:
        loads = "at most, the same loads" if len(floors) > 1 else "the same load"
        what = f"{loads} on a null server that answers at once, not subtracted"
        yield Cell(f"floor of the client ({what}): {', '.join(parts)}", Tone.QUIET)
    missing = [result.case for result in results if _lacks_floor(result)]
    if missing:
        names = Places(results).names(missing)
        yield Cell("floor of the client: not measured" + f" for {names}" * bool(names), Tone.WARNING)


def _tail(metric: str, floors: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    most = _most(metric, "p99", floors)
    return "" if most is None else f" (p99 {format_ns(most)})"


def _most(metric: str, quantile: str, floors: Sequence[Mapping[str, Mapping[str, float]]]) -> float | None:
    return max((floor[metric][quantile] for floor in floors if quantile in floor.get(metric, {})), default=None)


def _lacks_floor(result: BenchmarkResult) -> bool:
    return result.case.setup.device == ENDPOINT and bool(result.summaries) and not result.floor
