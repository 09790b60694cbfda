"""One grade per case: every table of rules applied to what is on record. Pure functions.

A grade depends on its case, and on what its run knew before the first case: environment, clock and harness floor. It
can therefore be made when the case ends, and it does not change afterwards. docs/trust.md lists the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from inference_bench.analysis.trust.grade import graded
from inference_bench.analysis.trust.machine import CLOCK_RULES, MACHINE_RULES
from inference_bench.analysis.trust.process import PROCESS_RULES, process_of
from inference_bench.analysis.trust.rule import Rule, apply_rules, section
from inference_bench.analysis.trust.samples import SAMPLE_RULES, observed_in, titles
from inference_bench.grade import Finding, Grade, Severity
from inference_bench.metrics import Quantity, is_of_client, quantity_of
from inference_bench.result import CLIENT_HELD_UP, CLIENT_LIMIT, BenchmarkResult, RunRecord, Status, Summary

_OF_A_RUN = re.compile(r"^run \d+: ")
"""The process that a note is from."""


def grade(result: BenchmarkResult, record: RunRecord) -> Grade | None:
    """Return the grade of one case by the present rules, or None if the case does not apply.

    Args:
        result: the case.
        record: its run.
    """
    if result.status is Status.NOT_APPLICABLE:
        return None
    quantities = _quantities(result)
    return graded(
        [
            *apply_rules(MACHINE_RULES, record.environment, quantities),
            *apply_rules(CASE_RULES, result),
            *apply_rules(SAMPLE_RULES, observed_in(result)),
            *apply_rules(FLOOR_RULES, _floor_shares(result, record)),
            *_of_processes(result, record, quantities),
        ]
    )


def _quantities(result: BenchmarkResult) -> frozenset[Quantity]:
    """Return what a case has figures of: everything, if it has none, or one that this version does not know."""
    found = {quantity_of(summary.metric) for summary in result.summaries}
    return frozenset(known for known in found if known) if found and None not in found else frozenset(Quantity)


def judged(result: BenchmarkResult, record: RunRecord) -> BenchmarkResult:
    """Return a case with its grade; the one it already has stays."""
    return result if result.grade is not None else replace(result, grade=grade(result, record))


def _of_processes(result: BenchmarkResult, record: RunRecord, quantities: frozenset[Quantity]) -> Iterator[Finding]:
    """Yield each kind of disturbance once: from the first process that has it, with how many have it."""
    found: dict[str, list[Finding]] = {}
    for worker in result.workers:
        clock, process = section(worker, "clock") or record.clock, process_of(worker, result.case.setup)
        for finding in [*apply_rules(CLOCK_RULES, clock, quantities), *apply_rules(PROCESS_RULES, process, quantities)]:
            found.setdefault(finding.code, []).append(finding)
    count = len(result.workers)
    for first, *others in found.values():
        struck = f"{len(others) + 1} of {count}" if len(others) + 1 < count else f"all {count}"
        where = f" (in {struck} processes; the first is quoted)" if others else ""
        yield replace(first, evidence=first.evidence + where)


# The harness's share of each figure


@dataclass(frozen=True, slots=True)
class _Share:
    """The floor's median of a metric, over the median measured."""

    summary: Summary
    share: float


def _floor_shares(result: BenchmarkResult, record: RunRecord) -> tuple[_Share, ...]:
    """Return the shares of all metrics but those of the client, which are the harness's own time."""
    found = []
    floor = result.floor or record.floor
    for summary in result.summaries:
        null, value = floor.get(summary.metric, {}).get("p50"), summary.headline.value
        if null is not None and value is not None and value > 0 and not is_of_client(summary.metric):
            found.append(_Share(summary, null / value))
    return tuple(found)


def _floor(*, high: bool) -> Rule[tuple[_Share, ...]]:
    def evidence(shares: tuple[_Share, ...]) -> str | None:
        # 1 % is what an interval of a median can resolve; from 10 % on, a change of the model shows much too small.
        seen = [share for share in shares if share.share > 0.01]
        most = max((share.share for share in seen), default=0.0)
        if not seen or high != (most > 0.1):
            return None
        return f"{titles(share.summary for share in seen)}: the harness itself takes up to {most:.0%} of the median"

    return Rule(
        "floor",
        Severity.SERIOUS if high else Severity.MINOR,
        evidence,
        "the figures contain it, and a change of the model appears smaller than it is",
        "measure more work at a time, such as longer inputs",
    )


FLOOR_RULES = (_floor(high=True), _floor(high=False))


# The case


def _failed(result: BenchmarkResult) -> str | None:
    if not result.status.is_finding:
        return None
    cause = result.failure.cause if result.failure else "no cause recorded"
    return f"the case ended as {result.status.value}: {cause}"


_MOST = 0.99
"""Share of requests from which a few exceptions change no figure but the last quantiles."""


def _off_schedule(result: BenchmarkResult) -> str | None:
    """Judge a load generator: requests that it sent late show how busy it was, not how fast the model is."""
    kept = [s.headline.value for s in result.summaries if s.metric == "on_schedule" and s.headline.value is not None]
    # A hundredth of late requests is enough to change p99, the quantile that most service targets name.
    least = min(kept, default=1.0)
    return f"{1 - least:.1%} of the requests were sent too late" if least < 0.99 else None


def _share(result: BenchmarkResult, metric: str) -> float:
    """Return the least share of a scored metric; 1 if the case has none."""
    shares = (s.headline.value for s in result.summaries if s.metric == metric)
    return min((share for share in shares if share is not None), default=1.0)


def _unanswered(result: BenchmarkResult) -> str | None:
    share = _share(result, "answered")
    return f"{1 - share:.1%} of the requests failed" if share < _MOST else None


def _not_as_asked(result: BenchmarkResult) -> str | None:
    share = _share(result, "contract_kept")
    return f"{1 - share:.1%} of the answers were not what was asked for" if share < _MOST else None


def _said(result: BenchmarkResult, beginning: str) -> str | None:
    """Return the rest of the first note of any process that begins so, or None."""
    notes = (_OF_A_RUN.sub("", note) for note in result.notes)
    return next((note.removeprefix(beginning) for note in notes if note.startswith(beginning)), None)


_NEEDS_TRAINING = {"accuracy", "accuracy_norm", "exact_match", "bits_per_byte", "perplexity"}
"""Metrics that random weights make meaningless; agreement between set-ups, leaks and the like are still valid."""


def _weights(result: BenchmarkResult) -> Mapping[str, object]:
    return section(result.model, "weights")


def _random_weights(result: BenchmarkResult, *, scored: bool) -> str | None:
    weights = _weights(result)
    if weights.get("source") == "none" or weights.get("trained") is not False:
        return None
    if scored != any(summary.metric in _NEEDS_TRAINING for summary in result.summaries):
        return None
    return f"the weights are random ({weights.get('label', 'no label')})"


def _reduced(result: BenchmarkResult) -> str | None:
    scale = _weights(result).get("scale", result.case.setup.scale)
    return "the model is a reduced one of the same architecture" if scale == "reduced" else None


CASE_RULES: tuple[Rule[BenchmarkResult], ...] = (
    Rule(
        "failed",
        Severity.GRAVE,
        _failed,
        "any figures come from a part of what was planned",
        "see the failure in results.json and the worker's log",
    ),
    Rule(
        "off_schedule",
        Severity.GRAVE,
        _off_schedule,
        "the load was not the one asked for",
        "lower the rate, reserve a CPU for the load generator, or measure on a quieter machine",
    ),
    Rule(
        "unanswered",
        Severity.GRAVE,
        _unanswered,
        "the latencies are those of the requests that succeeded, and a failure can be quicker than an answer",
        "see the failures in the notes and in the table of requests; lower the load",
    ),
    Rule(
        "not_as_asked",
        Severity.SERIOUS,
        _not_as_asked,
        "the latencies are those of the other answers; what was left out may differ from them",
        "see the notes, and ask for what the server can give",
    ),
    Rule(
        "client_limit",
        Severity.GRAVE,
        lambda result: _said(result, CLIENT_LIMIT),
        "the figures describe the client, not the server",
        "reserve a CPU for the client, or lower the load",
    ),
    Rule(
        "client_held_up",
        Severity.MINOR,
        lambda result: _said(result, CLIENT_HELD_UP),
        "what the client touched is too little to move a quantile up to p99; higher ones may contain it",
        "reserve a CPU for the client",
    ),
    Rule(
        "random_weights",
        Severity.GRAVE,
        lambda result: _random_weights(result, scored=True),
        "what the model computes is meaningless",
        "load trained weights with --weights",
    ),
    Rule(
        "random_weights",
        Severity.MINOR,
        lambda result: _random_weights(result, scored=False),
        "what the model computes is meaningless; times are valid unless they depend on values",
        "load trained weights with --weights",
    ),
    Rule(
        "reduced",
        Severity.SERIOUS,
        _reduced,
        "its speed and memory say nothing about the full one",
        "measure with --scale full",
    ),
)
