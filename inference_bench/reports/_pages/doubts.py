"""How far a run can be trusted: the scope of its intervals, the cost of the harness, and everything suspicious."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from inference_bench.analysis.trust.causes import cause_named
from inference_bench.analysis.trust.samples import observed_in
from inference_bench.grade import Severity
from inference_bench.metrics import METRICS, is_derived, is_of_client, title_of, unit_of
from inference_bench.plan import NO_MODEL
from inference_bench.reports._pages.case_names import Places, first_few
from inference_bench.reports._pages.document import Cell, Remarks, Tone
from inference_bench.reports._pages.merging import alike
from inference_bench.result import BenchmarkResult, Summary
from inference_bench.spec import ENDPOINT
from inference_bench.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inference_bench.grade import Finding
    from inference_bench.plan import Case
    from inference_bench.results.run import Run

Observed = tuple[BenchmarkResult, Summary]

_OF_A_RUN = re.compile(r"^run \d+: ")
"""The process that a note is from; `check` and results.json keep it."""


def doubts(run: Run) -> Remarks:
    """Return what raises or lowers the trust in a run."""
    observed = [(result, summary) for result in run.results for summary in result.summaries]
    places = Places(run.results)
    lines = [
        *_scope(observed, places),
        *_worst_finding(run.results, places),
        *_floor(run, [of for of in observed if of[0].case.setup.device != ENDPOINT]),
        *_clock(run.record.clock),
        *_machine(run.record.environment.get("warnings") or ()),
    ]
    lines += _overlap(run.record.overlap)
    lines += [*_unconverged(observed, places), *_outliers(observed, places), *_notes(run.results, places)]
    return Remarks("Reliability", tuple(lines))


def _scope(observed: Sequence[Observed], places: Places) -> Iterator[Cell]:
    """Yield what the figures are good for, by the widest interval of the metrics that the cases were measured for."""
    shown = [(result, summary) for result, summary in observed if _is_decisive(result, summary)]
    for runs, members in _by_runs(shown):
        yield from _good_for(runs, members, places)


def _is_decisive(result: BenchmarkResult, summary: Summary) -> bool:
    """Whether a case was measured for this metric: the stopping rule watched it, or else it comes first in reports."""
    watched = observed_in(result).watched or frozenset(result.headline[:1])
    if summary.score is not None or is_derived(summary.metric):
        return False
    # Runs of before both were recorded show what every model's overview shows.
    return summary.metric in watched if watched else summary.metric in METRICS and METRICS[summary.metric].overview


def _by_runs(observed: Iterable[Observed]) -> list[tuple[int, list[Observed]]]:
    """Return the figures by the number of processes that their intervals cover, the fewest first."""
    groups: dict[int, list[Observed]] = {}
    for result, summary in observed:
        groups.setdefault(summary.runs if summary.scope == "runs" else 1, []).append((result, summary))
    return sorted(groups.items())


def _good_for(runs: int, members: Sequence[Observed], places: Places) -> Iterator[Cell]:
    from inference_bench.analysis.reach import detectable_change, reach

    known = [(reached, of) for of in members if (reached := reach(of[1].headline)) is not None]
    if known:
        widest, (result, summary) = max(known, key=lambda each: each[0])
        over = "this one process" if runs == 1 else f"{runs} fresh processes"
        text = f"Good to ±{_two_digits(widest)} over {over}"
        text += f" (widest: {_figure(summary)}, {places.name(result.case)})" if len(known) > 1 else ""
        seen = detectable_change(widest, runs)
        if seen is None:
            text += "; a fresh one may differ by more (--runs)."
        else:
            text += f"; between two such runs a change below {_two_digits(seen)} cannot be seen there."
        yield Cell(text, Tone.WARNING if runs == 1 else Tone.PLAIN)
    missing = [of for of in members if reach(of[1].headline) is None and of[1].headline.value is not None]
    if missing:
        names = first_few([f"{_figure(summary)}, {places.name(result.case)}" for result, summary in missing])
        yield Cell(f"How good is unknown, for want of an interval: {names}.", Tone.WARNING)


def _figure(summary: Summary) -> str:
    """Return a metric's name; the phase too where the name does not imply it."""
    return (
        f"{title_of(summary.metric)} of {summary.phase}"
        if unit_of(summary.metric) == "bytes"
        else title_of(summary.metric)
    )


def _worst_finding(results: Sequence[BenchmarkResult], places: Places) -> Iterator[Cell]:
    """Yield what lowers the grades of cases with a result most, once, and the names of the other findings."""
    graded = [(result.case, result.grade) for result in results if result.grade and not result.status.is_finding]
    found: dict[str, list[tuple[Case, Finding]]] = {}
    for case, grade in graded:
        for finding in grade.findings:
            found.setdefault(finding.cause or finding.code, []).append((case, finding))
    ordered = sorted(found.items(), key=lambda item: (-max(f.severity for _, f in item[1]), -len(item[1])))
    if not ordered:
        return
    name, members = ordered[0]
    cause = cause_named(name)
    signs = [finding for _, finding in members if cause is None or finding.code in cause.signs]
    worst = max(signs, key=lambda finding: finding.severity)
    about = cause or worst
    where = places.names(case for case, _ in members)
    letters = "".join(sorted({grade.letter for _, grade in graded}))
    heading = f"Grade {letters}" if len(letters) == 1 else f"Grades {letters[0]} to {letters[-1]}"
    yield Cell(
        f"{heading}. Main reason: {name.replace('_', ' ')}: {worst.evidence}{f' ({where})' if where else ''}. "
        f"Effect: {about.consequence}. Fix: {about.remedy}.",
        Tone.WARNING if worst.severity > Severity.MINOR else Tone.PLAIN,
    )
    others = [name.replace("_", " ") for name, _ in ordered[1:]]
    if others:
        yield Cell(f"Other findings, which `check` explains: {', '.join(others)}.")


def _floor(run: Run, observed: Iterable[Observed]) -> Iterator[Cell]:
    """Yield the null model's medians, and their share of the smallest medians measured in process.

    The floor of an endpoint's cases stands under their table.
    """
    smallest: dict[str, float] = {}
    for result, summary in observed:
        value = summary.headline.value
        if value is not None and value > 0 and result.case.model != NO_MODEL:
            smallest[summary.metric] = min(value, smallest.get(summary.metric, value))
    floors = {metric: quantiles["p50"] for metric, quantiles in run.record.floor.items() if "p50" in quantiles}
    if not floors:
        if smallest:
            yield Cell("Harness floor: not measured in this run.", Tone.WARNING)
        return
    parts = [f"{title_of(metric)} {format_ns(floor)}" for metric, floor in floors.items()]
    shares = [floor / smallest[metric] for metric, floor in floors.items() if metric in smallest]
    most = max(shares, default=0.0)
    at_most = "less than 0.001 %" if most < 0.00001 else f"at most {_percent(most)}"
    share = f", {at_most} of a median above" if shares else ""
    tone = Tone.WARNING if max(shares, default=0) > 0.01 else Tone.PLAIN
    yield Cell(f"Harness floor (null model, same path, not subtracted): {', '.join(parts)}{share}.", tone)


def _clock(clock: Mapping[str, object]) -> Iterator[Cell]:
    if not clock:
        return
    costs = {"resolution": "resolution_ns", "one reading costs": "read_cost_ns"}
    parts = [f"{words} {_nanoseconds(clock[key])}" for words, key in costs.items() if key in clock]
    reason = f" ({clock['reason']})" if clock.get("reason") else ""
    yield Cell(", ".join((f"Clock: {clock.get('source', 'unknown')}{reason}", *parts)) + ".")
    troubles = [f"{clock[key]} {key}" for key in ("suspends", "backwards") if clock.get(key)]
    if troubles or clock.get("drift"):
        named = troubles + (["drift"] if clock.get("drift") else [])
        yield Cell(f"Clock trouble while measuring: {', '.join(named)}.", Tone.WARNING)


def _overlap(overlap: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield what loading ahead hid; what it disturbed is in the samples' ``loader`` column."""
    if not overlap.get("loads_ahead"):
        return
    load_ns, hidden_ns, hideable_ns = (overlap[name] for name in ("load_ns", "hidden_ns", "hideable_ns"))
    share = f" ({_percent(hidden_ns / hideable_ns)} of what it could hide)" if hideable_ns else ""
    yield Cell(
        f"Loading ahead ({overlap['policy']}: {overlap['reason']}) hid {format_ns(hidden_ns)} of {format_ns(load_ns)}"
        f"{share}."
    )


def _machine(warnings: Iterable[str]) -> Iterator[Cell]:
    """Yield the warnings of the machine's description."""
    found = [warning.rstrip(".") for warning in warnings]
    if found:
        yield Cell(f"Machine, before the run: {'; '.join(found)}.", Tone.WARNING)


def _nanoseconds(value: object) -> str:
    """Return a time that may be a fraction of a nanosecond."""
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.2g} ns" if value < 10 else format_ns(value)


def _unconverged(observed: Iterable[Observed], places: Places) -> Iterator[Cell]:
    """Yield why sampling stopped too early, once per reason, without derived metrics: they follow their source."""
    found: dict[str, dict[str, list[str]]] = {}
    for result, summary in observed:
        if not (summary.converged or is_derived(summary.metric) or is_of_client(summary.metric)):
            metrics = found.setdefault(summary.stop_reason, {}).setdefault(places.name(result.case), [])
            metrics.append(title_of(summary.metric))
    for reasons in alike(found):
        where = [
            f"{place} ({', '.join(dict.fromkeys(metrics))})"
            for reason in reasons.members
            for place, metrics in found[reason].items()
        ]
        yield Cell(f"Not converged: {reasons.text}: {first_few(where)}.", Tone.WARNING)


def _outliers(observed: Iterable[Observed], places: Places) -> Iterator[Cell]:
    parts = [
        f"{summary.outliers_severe:,} of {summary.n:,} {title_of(summary.metric)} ({places.name(result.case)})"
        for result, summary in observed
        if summary.outliers_severe and not is_derived(summary.metric)
    ]
    if parts:
        yield Cell(f"Severe outliers (beyond 3 interquartile ranges; kept in every figure): {first_few(parts)}.")


def _notes(results: Iterable[BenchmarkResult], places: Places) -> Iterator[Cell]:
    """Return each kind of note once, with the range of its figures and the cases it holds for."""
    found: dict[str, list[Case]] = {}
    for result in results:
        for note in result.notes:
            found.setdefault(_OF_A_RUN.sub("", note), []).append(result.case)
    for notes in alike(found):
        where = places.names(case for note in notes.members for case in found[note])
        text = f"{notes.text[:1].upper()}{notes.text[1:]}"
        yield Cell(f"{text} ({where})" if where else text, Tone.WARNING)


def _percent(share: float) -> str:
    return f"{100 * share:.1g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _two_digits(share: float) -> str:
    if share < 0.0001:
        return "0.01 %"  # finer than any clock and any machine
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:,.0f} %"
