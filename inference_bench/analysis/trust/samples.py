"""Rules on the samples of a case, as its summaries describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from inference_bench.analysis.trust.rule import Rule
from inference_bench.grade import Finding, Severity
from inference_bench.metrics import is_derived, is_of_client, title_of, unit_of
from inference_bench.result import BenchmarkResult, Summary
from inference_bench.units import format_value


@dataclass(frozen=True, slots=True)
class Observed:
    """What was sampled or scored.

    Attributes:
        summaries: without those of derived metrics, which repeat what is known of their sources.
        watched: metrics that the stopping rule watched; empty if there was none.
    """

    summaries: tuple[Summary, ...]
    watched: frozenset[str]


Evidence = Callable[[Observed], str | None]


def observed_in(result: BenchmarkResult) -> Observed:
    """Return what was sampled or scored in a case."""
    decisions: Iterable[Mapping[str, Iterable[str]]] = (worker.get("decision") or {} for worker in result.workers)
    watched = frozenset(name for decision in decisions for name in decision.get("targets", ()))
    return Observed(tuple(s for s in result.summaries if not is_derived(s.metric)), watched)


def quantile_finding(result: BenchmarkResult, quantile: str) -> Finding | None:
    """Return the finding that a case has too few samples for a quantile such as ``p99``, or None if it has enough.

    A metric with a single sample, such as a load, has no tail.
    """
    short = [
        s
        for s in observed_in(result).summaries
        if s.n > 1 and (asked := s.quantiles.get(quantile)) is not None and asked.needs
    ]
    if not short:
        return None
    most = max(s.quantiles[quantile].needs or 0 for s in short)
    return Finding(
        "too_few_for_quantile",
        Severity.SERIOUS,
        f"{titles(short)}: too few samples for {quantile} (needs {most:,})",
        "the quantile has no two-sided interval, or no value at all",
        f"--min-samples {most} with a larger --budget, or more --runs",
    )


def titles(summaries: Iterable[Summary]) -> str:
    """Return the titles of their metrics, each once."""
    return ", ".join(dict.fromkeys(title_of(summary.metric) for summary in summaries))


def _some(holds: Callable[[Summary], bool], text: Callable[[Sequence[Summary]], str]) -> Evidence:
    """Return a condition that holds if it does for some summary; the evidence begins with their titles."""

    def evidence(observed: Observed) -> str | None:
        found = [summary for summary in observed.summaries if holds(summary)]
        return f"{titles(found)}: {text(found)}" if found else None

    return evidence


def _unconverged(*, watched: bool) -> Evidence:
    """Return the condition that a metric is less precise than asked for, of those watched or of the others."""

    def evidence(observed: Observed) -> str | None:
        names = observed.watched
        wide = [
            s
            for s in observed.summaries
            if not s.converged and not is_of_client(s.metric) and (s.metric in names or not names) == watched
        ]
        reasons = ", ".join(dict.fromkeys(s.stop_reason for s in wide if s.stop_reason))
        return f"{titles(wide)}: {reasons or 'sampling ended before it was precise enough'}" if wide else None

    return evidence


def _lacks_an_interval(summary: Summary) -> bool:
    # A metric with one sample per process (a load) lacks processes, not samples: that is `one_run`.
    headline = summary.headline
    return summary.n > 1 and headline.low is None and headline.high is None and bool(headline.needs)


def _one_run(observed: Observed) -> str | None:
    return "one process was measured" if any(s.scope == "run" for s in observed.summaries) else None


def _unsteady(*, lasting: bool) -> Evidence:
    """Return the condition that samples changed their level, and a last level lasted or none did."""

    def evidence(observed: Observed) -> str | None:
        moved = [s for s in observed.summaries if s.steadiness not in ("", "flat")]
        if not moved or lasting == any(s.steadiness == "no steady state" for s in moved):
            return None
        kinds = ", ".join(dict.fromkeys(s.steadiness for s in moved))
        return f"{titles(moved)}: {kinds}: the samples moved from one level to another"

    return evidence


def _modes(found: Sequence[Summary]) -> str:
    widest = max(found, key=lambda s: len(s.modes))
    unit = unit_of(widest.metric) or ""
    where = ", ".join(f"{format_value(mode.value, unit)} ({mode.share:.0%})" for mode in widest.modes)
    return f"the samples form several groups ({titles([widest])}: {where})"


def _outliers(found: Sequence[Summary]) -> str:
    worst, count = max(s.outliers_severe / s.n for s in found), sum(s.outliers_severe for s in found)
    explained = sum(s.outliers_interfered for s in found)
    return (
        f"{worst:.1%} of the samples are severe outliers; in {explained:,} of {count:,} the kernel or the garbage "
        "collector interfered"
    )


SAMPLE_RULES: tuple[Rule[Observed], ...] = (
    Rule(
        "not_converged",
        Severity.SERIOUS,
        _unconverged(watched=True),
        "the interval is wider than asked for, or the halves of the samples disagree",
        "use a larger --budget, or a quieter machine",
    ),
    Rule(
        "unwatched",
        Severity.MINOR,
        _unconverged(watched=False),
        "the interval is wider than asked for, or the halves of the samples disagree",
        "use a larger --budget, or a quieter machine",
    ),
    Rule(
        "too_few_samples",
        Severity.SERIOUS,
        _some(
            _lacks_an_interval,
            lambda found: f"too few samples for an interval (needs {max(s.headline.needs or 0 for s in found):,})",
        ),
        "the uncertainty of the median is unknown",
        "raise --min-samples, --budget or --runs",
    ),
    Rule(
        "one_run",
        Severity.MINOR,
        _one_run,
        "the intervals describe this process; the next one may differ by more",
        "--runs 6",
    ),
    Rule(
        "dependent_samples",
        Severity.MINOR,
        # Intervals already allow for dependence; below a tenth, what moves the times lasts for many samples.
        _some(
            lambda s: s.n >= 30 and s.effective_n < 0.1 * s.n,
            lambda found: (
                "successive samples are correlated (they count as "
                f"{min(s.effective_n / s.n for s in found):.0%} of as many independent ones)"
            ),
        ),
        "something slow (clock speed, heat, other work) changes the times",
        "plot the samples over time; use a longer --warmup",
    ),
    Rule(
        "unsteady",
        Severity.SERIOUS,
        _unsteady(lasting=False),
        "the median mixes levels, and none of them lasted",
        "plot the samples over time; use a longer --warmup, or a quieter machine",
    ),
    Rule(
        "unsteady",
        Severity.MINOR,
        _unsteady(lasting=True),
        "the median mixes levels, and a longer run would give another one",
        "plot the samples over time; use a longer --warmup, or a quieter machine",
    ),
    Rule(
        "modes",
        Severity.MINOR,
        _some(lambda s: len(s.modes) > 1, _modes),
        "the median lies in one group and the mean perhaps in none; a change may move only one",
        "plot the distribution, and look for what switches: clock speed, a cache, a code path",
    ),
    Rule(
        "beside_loader",
        Severity.MINOR,
        _some(
            lambda s: s.beside_loader > 0,
            lambda found: (
                f"up to {max(s.beside_loader / s.n for s in found):.0%} of the samples were taken while another model "
                "loaded"
            ),
        ),
        "the loader used other CPUs, but the same memory bus and last-level cache",
        "--overlap freeze or off; `overlap` measures the effect on this machine",
    ),
    Rule(
        "outliers",
        Severity.MINOR,
        # Beyond three interquartile ranges; below 1 % no quantile up to p99 contains them.
        _some(lambda s: s.outliers_severe > 0.01 * s.n, _outliers),
        "the tail shows the disturbances as much as the model",
        "stop other work; the median is barely affected",
    ),
)
