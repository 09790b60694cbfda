"""Can this result be trusted? Findings with evidence, consequence and remedy, and a grade. Pure functions of a result.

docs/trust.md lists every check and the rule of the grade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from inference_bench.metrics import is_derived, title_of, unit_of
from inference_bench.result import BenchmarkResult, RunRecord, Status, Summary
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_S, format_ns, format_value


class Severity(IntEnum):
    """How much of the trust a finding takes away."""

    MINOR = 1
    SERIOUS = 2
    GRAVE = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to distrust a result.

    Attributes:
        code: stable name of the check.
        severity: how much it weighs.
        evidence: what was seen, with its figure.
        consequence: what that does to the figures.
        remedy: what to do.
    """

    code: str
    severity: Severity
    evidence: str
    consequence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Grade:
    """How far a result can be believed.

    Attributes:
        letter: A no finding; B minor ones only; C one serious; D more than one; F a grave one.
        findings: what led to it, the gravest first.
    """

    letter: str
    findings: tuple[Finding, ...]


def grade(result: BenchmarkResult, record: RunRecord, quantile: str = "") -> Grade:
    """Grade one case of a run.

    Args:
        result: the case.
        record: its run.
        quantile: one that its samples must be able to support, such as ``p99``; none if empty.
    """
    of_case = [*_case(result, record), *_tail(result.summaries, quantile)]
    return graded([*_machine(record.environment), *_clock(record.clock), *_run(record), *of_case])


def case_grade(result: BenchmarkResult, record: RunRecord) -> Grade | None:
    """Grade a case by itself, whether or not the rest of its plan has been measured; None if it does not apply."""
    if result.status is Status.NOT_APPLICABLE:
        return None
    return grade(result, replace(record, finished=True))


def graded(findings: Iterable[Finding]) -> Grade:
    """Return the grade that these findings make."""
    ordered = sorted(findings, key=lambda finding: -finding.severity)
    serious = sum(finding.severity is Severity.SERIOUS for finding in ordered)
    if ordered and ordered[0].severity is Severity.GRAVE:
        letter = "F"
    elif serious:
        letter = "D" if serious > 1 else "C"
    else:
        letter = "B" if ordered else "A"
    return Grade(letter, tuple(ordered))


# The machine


@dataclass(frozen=True, slots=True)
class _Fact:
    """A fact of the environment that is a finding if ``disturbs`` says so of its value."""

    code: str
    severity: Severity
    section: str
    name: str
    disturbs: Callable[[Any], bool]
    evidence: str
    consequence: str
    remedy: str


_FACTS = (
    _Fact(
        *("governor", Severity.SERIOUS, "cpu", "governor", lambda governor: governor != "performance"),
        "the frequency governor is {!r}",
        "clock speed follows the load, so short work runs at another speed than long work",
        "sudo cpupower frequency-set -g performance",
    ),
    _Fact(
        *("turbo", Severity.MINOR, "cpu", "turbo", bool),
        "turbo is on",
        "clock speed varies with heat and with what the other cores do",
        "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo, or 0 into cpufreq/boost",
    ),
    _Fact(
        *("pressure", Severity.SERIOUS, "load", "cpu_waiting_percent_10s", lambda percent: percent > 5),
        "tasks waited for a CPU during {} % of the 10 s before the run",
        "measured work had to share its cores",
        "stop other work, or measure at another time",
    ),
    _Fact(
        *("memory_pressure", Severity.SERIOUS, "load", "memory_waiting_percent_10s", lambda percent: percent > 1),
        "tasks waited for memory during {} % of the 10 s before the run",
        "a memory access may have waited for the kernel to free some",
        "stop other work, or take a smaller model",
    ),
    _Fact(
        *("swap", Severity.SERIOUS, "memory", "swap_used_bytes", bool),
        "{:,} bytes are swapped out",
        "a page fault may wait for the disk, and resident memory is not all there is",
        "sudo swapoff -a",
    ),
    _Fact(
        *("virtual", Severity.MINOR, "system", "hypervisor", bool),
        "this is a virtual machine ({})",
        "its neighbours can slow it down unseen",
        "measure on a machine of your own, or compare interleaved pairs (`ab`)",
    ),
    _Fact(
        *("battery", Severity.SERIOUS, "power", "on_battery", bool),
        "the machine runs on battery",
        "its clock speed may be held down",
        "plug it in",
    ),
    _Fact(
        *("debug_build", Severity.SERIOUS, "python", "debug_build", bool),
        "this Python is a debug build",
        "everything in it is slow",
        "use a release build",
    ),
)


def _machine(environment: Mapping[str, Any]) -> Iterator[Finding]:
    for fact in _FACTS:
        value = (environment.get(fact.section) or {}).get(fact.name)
        if value is not None and fact.disturbs(value):
            yield Finding(fact.code, fact.severity, fact.evidence.format(value), fact.consequence, fact.remedy)


def _clock(clock: Mapping[str, Any]) -> Iterator[Finding]:
    source = clock.get("source")
    if source not in (None, "tsc", "cntvct_el0"):
        yield Finding(
            "clock_fallback",
            Severity.MINOR,
            f"the clock is {source} ({clock.get('reason', 'no reason given')})",
            f"one reading costs {_ns(clock.get('read_cost_ns'))}; its resolution is {_ns(clock.get('resolution_ns'))}",
            "let the kernel use the TSC as its clocksource, where the processor's is invariant",
        )
    troubles = [f"{clock[name]} {name}" for name in ("suspends", "backwards") if clock.get(name)]
    troubles += ["drift"] if clock.get("drift") else []
    if troubles:
        yield Finding(
            "clock_trouble",
            Severity.SERIOUS,
            f"the clock saw {', '.join(troubles)} while measuring",
            "times that span it are wrong",
            "measure again; if it stays so, the machine's TSC is not to be trusted",
        )


def _ns(value: object) -> str:
    return format_ns(value) if isinstance(value, (int, float)) else "unknown"


def _run(record: RunRecord) -> Iterator[Finding]:
    if not record.finished:
        yield Finding(
            "unfinished",
            Severity.MINOR,
            "the run did not reach the end of its plan",
            "cases, or runs of a case, are missing",
            "run it again to its end",
        )


# The case


def _case(result: BenchmarkResult, record: RunRecord) -> Iterator[Finding]:
    if result.status.is_finding:
        cause = result.failure.cause if result.failure else "no cause recorded"
        yield Finding(
            "failed",
            Severity.GRAVE,
            f"the case ended as {result.status.value}: {cause}",
            "what figures there are come from a part of what was planned",
            "see the failure in results.json and the worker's log",
        )
    yield from _weights(result)
    yield from _schedule(result.summaries)
    observed = [summary for summary in result.summaries if not _is_derived(summary)]
    yield from _convergence(observed, result.workers)
    yield from _samples(observed)
    yield from _floor(result.summaries, record.floor)
    yield from _worst_of(result.workers, result.case.setup)


def _schedule(summaries: Iterable[Summary]) -> Iterator[Finding]:
    """Judge a load generator: requests that it sent late say how busy it was, not how fast the model is."""
    for summary in summaries:
        kept = summary.headline.value
        if summary.metric == "on_schedule" and kept is not None and kept < 0.99:
            yield Finding(
                "off_schedule",
                Severity.GRAVE,
                f"{1 - kept:.1%} of the requests were sent too late",
                "the load was not the one that was asked for",
                "lower the rate, leave the generator a processor, or measure on a quieter machine",
            )


_OF_WHAT_WAS_LEARNT = {"accuracy", "accuracy_norm", "exact_match", "bits_per_byte", "perplexity"}
"""Metrics that say nothing of a model with random weights; agreement between set-ups, a leak and the like still do."""


def _weights(result: BenchmarkResult) -> Iterator[Finding]:
    weights = result.model.get("weights") or {}
    if weights.get("source") != "none" and weights.get("trained") is False:
        scored = any(summary.metric in _OF_WHAT_WAS_LEARNT for summary in result.summaries)
        yield Finding(
            "random_weights",
            Severity.GRAVE if scored else Severity.MINOR,
            f"the weights are random ({weights.get('label', 'no label')})",
            "what it computes means nothing" + ("" if scored else "; times hold where they do not depend on values"),
            "load trained weights with --weights",
        )
    if weights.get("scale", result.case.setup.scale) == "reduced":
        yield Finding(
            "reduced",
            Severity.SERIOUS,
            "the model is a reduced one of the same architecture",
            "its speed and memory say nothing about the full one",
            "measure with --scale full",
        )


def _convergence(summaries: Sequence[Summary], workers: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Find what is less precise than asked for: serious where the stopping rule watched it."""
    targets = {name for worker in workers for name in (worker.get("decision") or {}).get("targets", ())}
    for severity, watched in ((Severity.SERIOUS, True), (Severity.MINOR, False)):
        wide = [s for s in summaries if not s.converged and (s.metric in targets or not targets) == watched]
        if wide:
            reasons = ", ".join(dict.fromkeys(s.stop_reason for s in wide if s.stop_reason))
            yield Finding(
                "not_converged" if watched else "unwatched",
                severity,
                f"{_titles(wide)}: {reasons or 'sampling ended before it was precise enough'}",
                "the interval is wider than asked for, or the halves of the samples disagree",
                "give it a larger --budget, or a quieter machine",
            )


def _samples(summaries: Sequence[Summary]) -> Iterator[Finding]:
    # A single sample (a load) is one that a process has no more of: it lacks processes, and that is `one_run`.
    several = (s for s in summaries if s.n > 1)
    blunt = [s for s in several if s.headline.low is None and s.headline.high is None and s.headline.needs]
    if blunt:
        most = max(s.headline.needs or 0 for s in blunt)
        yield Finding(
            "too_few_samples",
            Severity.SERIOUS,
            f"{_titles(blunt)}: too few samples for an interval (needs {most:,})",
            "nobody knows how far the median would move if it were measured again",
            "raise --min-samples, --budget or --runs",
        )
    if any(s.scope == "run" for s in summaries):
        yield Finding(
            "one_run",
            Severity.MINOR,
            "one process was measured",
            "the intervals speak of this process; the next one may differ by more",
            "--runs 6",
        )
    dependent = [s for s in summaries if s.n >= 30 and s.effective_n < 0.1 * s.n]
    if dependent:
        least = min(s.effective_n / s.n for s in dependent)
        yield Finding(
            "dependent_samples",
            Severity.MINOR,
            f"{_titles(dependent)}: successive samples resemble each other (worth {least:.0%} of their number)",
            "something slow (clock speed, heat, a neighbour) moves the times",
            "look at the samples over time; give it a longer --warmup",
        )
    unsteady = [s for s in summaries if s.steadiness not in ("", "flat")]
    if unsteady:
        kinds = ", ".join(dict.fromkeys(s.steadiness for s in unsteady))
        never = any(s.steadiness == "no steady state" for s in unsteady)
        yield Finding(
            "unsteady",
            Severity.SERIOUS if never else Severity.MINOR,
            f"{_titles(unsteady)}: {kinds}: the samples moved from one level to another",
            "the median mixes levels" + (", and none of them lasted" if never else ", and would be another later on"),
            "look at the samples over time; give it a longer --warmup, or a quieter machine",
        )
    split = [s for s in summaries if len(s.modes) > 1]
    if split:
        widest = max(split, key=lambda s: len(s.modes))
        unit = unit_of(widest.metric) or ""
        where = ", ".join(f"{format_value(mode.value, unit)} ({mode.share:.0%})" for mode in widest.modes)
        yield Finding(
            "modes",
            Severity.MINOR,
            f"{_titles(split)}: the samples gather in several places ({_titles([widest])}: {where})",
            "the median lies in one of them and the mean perhaps in none; a change may move only one",
            "look at the distribution, and for what switches: clock speed, a cache, a path of the code",
        )
    beside = [s for s in summaries if s.beside_loader]
    if beside:
        share = max(s.beside_loader / s.n for s in beside)
        yield Finding(
            "beside_loader",
            Severity.MINOR,
            f"{_titles(beside)}: up to {share:.0%} of the samples were taken while another model loaded",
            "it had processors of its own, but shares the memory bus and the last cache",
            "--overlap freeze or off; `overlap` measures what it does on this machine",
        )
    wild = [s for s in summaries if s.outliers_severe > 0.01 * s.n]
    if wild:
        worst = max(s.outliers_severe / s.n for s in wild)
        explained = sum(s.outliers_interfered for s in wild)
        yield Finding(
            "outliers",
            Severity.MINOR,
            f"{_titles(wild)}: {worst:.1%} of the samples are severe outliers; in {explained:,} of "
            f"{sum(s.outliers_severe for s in wild):,} the kernel or the garbage collector interfered",
            "the tail belongs to what interfered as much as to the model",
            "stop other work; the median hardly feels it",
        )


def _tail(summaries: Iterable[Summary], quantile: str) -> Iterator[Finding]:
    """Find what cannot support the quantile that was asked for; a single sample (a load) has no tail."""
    short = [
        s for s in summaries if s.n > 1 and not _is_derived(s) and (asked := s.quantiles.get(quantile)) and asked.needs
    ]
    if short:
        most = max(s.quantiles[quantile].needs or 0 for s in short)
        yield Finding(
            "too_few_for_quantile",
            Severity.SERIOUS,
            f"{_titles(short)}: too few samples for {quantile} (needs {most:,})",
            "the tail is not known from both sides, or not at all",
            f"--min-samples {most} with a larger --budget, or more --runs",
        )


def _floor(summaries: Iterable[Summary], floor: Mapping[str, Mapping[str, float]]) -> Iterator[Finding]:
    """Compare the null model's medians with the medians measured."""
    shares = []
    for summary in summaries:
        null, value = floor.get(summary.metric, {}).get("p50"), summary.headline.value
        if null is not None and value is not None and value > 0:
            shares.append((summary, null / value))
    high = [summary for summary, share in shares if share > 0.01]
    if high:
        most = max(share for _, share in shares)
        yield Finding(
            "floor",
            Severity.SERIOUS if most > 0.1 else Severity.MINOR,
            f"{_titles(high)}: the harness itself takes up to {most:.0%} of the median",
            "the figures contain it, and a change of the model shows smaller than it is",
            "measure more work at a time, such as longer inputs",
        )


def _worst_of(workers: Sequence[Mapping[str, Any]], setup: Setup) -> Iterator[Finding]:
    """Yield each kind of disturbance once, with how many of the processes it struck."""
    found: dict[str, list[Finding]] = {}
    for worker in workers:
        spans, sampler = worker.get("spans") or {}, worker.get("sampler") or {}
        for finding in [*_usage(worker, setup), *_sampler(sampler), *_spans(spans)]:
            found.setdefault(finding.code, []).append(finding)
    for same in found.values():
        where = f" (and likewise in {len(same) - 1} of {len(workers)} processes)" if len(same) > 1 else ""
        yield replace(same[0], evidence=same[0].evidence + where)


def _usage(worker: Mapping[str, Any], setup: Setup) -> Iterator[Finding]:
    """Judge what the operating system did to a process while it was measured."""
    usage = {name: value for name, value in (worker.get("usage") or {}).items() if isinstance(value, (int, float))}
    wall = usage.get("wall_ns", 0)
    if wall <= 0:
        return
    seconds = wall / NS_PER_S
    shares = {name: usage.get(name, 0) / wall for name in ("steal_ns", "cpu_pressure_ns")}
    rates = {name: usage.get(name, 0) / seconds for name in ("involuntary_switches", "minor_faults", "gc_collections")}
    busy = usage.get("cpu_ns", wall * setup.threads) / (wall * setup.threads)
    is_steady_work = bool((worker.get("decision") or {}).get("targets"))  # loading and probing memory are not
    if setup.device == "cpu" and is_steady_work and busy < 0.8:
        yield Finding(
            "idle_threads",
            Severity.SERIOUS,
            f"CPU time was {busy:.0%} of wall time × {setup.threads} threads while measuring",
            "the threads waited for something: each other, other work, or the disk",
            "stop other work, or take fewer --threads",
        )
    if shares["steal_ns"] > 0.01:
        yield Finding(
            "steal",
            Severity.SERIOUS,
            f"the hypervisor took {shares['steal_ns']:.1%} of a processor's time while measuring",
            "samples contain time in which nothing of ours ran",
            "measure on a machine of your own, or at another time",
        )
    if shares["cpu_pressure_ns"] > 0.1:
        yield Finding(
            "contention",
            Severity.SERIOUS,
            f"some task waited for a processor {shares['cpu_pressure_ns']:.0%} of the time while measuring",
            "measured work may have been the one that waited",
            "stop other work, or take fewer --threads",
        )
    if rates["involuntary_switches"] > 100:
        yield Finding(
            "preempted",
            Severity.MINOR,
            f"{rates['involuntary_switches']:.0f} involuntary context switches a second",
            "other work shared the cores",
            "stop other work, or take fewer --threads",
        )
    if usage.get("throttles", 0):
        yield Finding(
            "throttled",
            Severity.SERIOUS,
            f"processors were slowed down for their heat {usage['throttles']:,} times while measuring",
            "the samples mix clock speeds",
            "cool the machine, let it rest between cases, or lower the clock for all of the run",
        )
    if usage.get("major_faults", 0):
        yield Finding(
            "major_faults",
            Severity.MINOR,
            f"{usage['major_faults']} page faults waited for the disk while measuring",
            "the samples in which they fell are too long",
            "measure again, with the weights in the page cache",
        )
    if rates["minor_faults"] > 10_000:
        yield Finding(
            "page_faults",
            Severity.MINOR,
            f"{rates['minor_faults']:,.0f} page faults a second",
            "times contain the kernel's work of handing out fresh memory",
            "keep the allocator from returning memory: MALLOC_TRIM_THRESHOLD_, or another allocator",
        )
    if rates["gc_collections"] > 1:
        yield Finding(
            "garbage_collector",
            Severity.MINOR,
            f"{rates['gc_collections']:.1f} garbage collections a second",
            "some samples contain one",
            "make fewer objects in the measured path",
        )


def _sampler(sampler: Mapping[str, Any]) -> Iterator[Finding]:
    missed, samples = sampler.get("missed", 0), sampler.get("samples", 0)
    if missed > 0.05 * samples:
        yield Finding(
            "missed_ticks",
            Severity.MINOR,
            f"the memory sampler missed {missed:,} ticks and took {samples:,} readings",
            "the curve has holes; exact peaks come from the kernel and are not affected",
            "stop other work",
        )
    if sampler.get("dropped"):
        yield Finding(
            "dropped_readings",
            Severity.SERIOUS,
            f"the memory sampler was full: {sampler['dropped']:,} readings lost",
            "the curve ends too early",
            "measure fewer tokens in one case",
        )


def _spans(spans: Mapping[str, Any]) -> Iterator[Finding]:
    if spans.get("lost"):
        yield Finding(
            "dropped_spans",
            Severity.SERIOUS,
            f"{spans['lost']:,} spans were lost, {spans.get('recorded', 0):,} recorded, since the profiler began",
            "requests are missing, most likely those of the busiest moments",
            "give the recorder more memory, or collect more often",
        )


def _is_derived(summary: Summary) -> bool:
    return is_derived(summary.metric)


def _titles(summaries: Iterable[Summary]) -> str:
    return ", ".join(dict.fromkeys(title_of(summary.metric) for summary in summaries))
