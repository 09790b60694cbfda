"""From everything that the processes of a case sent to its summaries. Pure functions.

The same function makes the figures when a case is measured, and again when a stored run is checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inference_bench.analysis.derived_summaries import derived_summaries
from inference_bench.analysis.estimates import relative_width
from inference_bench.analysis.machine_use import share_summaries
from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.analysis.stopping import ONE_WINDOW, Decision
from inference_bench.analysis.summaries import summarise_samples
from inference_bench.ceilings import Interval
from inference_bench.metrics import METRICS
from inference_bench.result import Samples, Scores, Summary
from inference_bench.spec import Limits


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the figures of a case follow from, besides its raw columns.

    Attributes:
        limits: when sampling stopped.
        decisions: why it stopped, in each process that measured the case.
        rates: derived metric → tokens (or items) per duration.
        ceilings: of the machine, of those rates that have one (``machine_use.rate_ceilings``).
        resolution_ns: smallest step of the clock; 0 if unknown.
    """

    limits: Limits
    decisions: Sequence[Decision] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, Interval] = field(default_factory=dict)
    resolution_ns: float = 0.0

    @property
    def watched(self) -> set[str]:
        """The metrics that the stopping rule watched."""
        return {metric for decision in self.decisions for metric in decision.targets}


def case_summaries(samples: Samples | None, scores: Scores | None, facts: CaseFacts) -> tuple[Summary, ...]:
    """Return the summaries of a case: of its samples, the rates that follow, their shares of ceilings, and its scores.

    Args:
        samples: raw observations, or None.
        scores: of the items, or None.
        facts: the rest.
    """
    sampled = _sampled(samples, facts) if samples is not None else ()
    derived = derived_summaries(sampled, facts.rates)
    shares = share_summaries(derived, facts.ceilings)
    return (*sampled, *derived, *shares, *(summarise_scores(scores) if scores is not None else ()))


def is_narrow(summary: Summary, facts: CaseFacts) -> bool:
    """Return whether an interval is as narrow as asked for, or as the clock can resolve."""
    median = summary.quantiles.get("p50")
    width = None if median is None else relative_width(median)
    if width is None or median is None or median.low is None or median.high is None:
        return False
    is_time = summary.metric in METRICS and METRICS[summary.metric].unit == "ns"
    return width <= facts.limits.relative_width or (is_time and median.high - median.low <= 2 * facts.resolution_ns)


def _sampled(samples: Samples, facts: CaseFacts) -> tuple[Summary, ...]:
    watched, decisions = facts.watched, facts.decisions
    sampled = summarise_samples(
        samples,
        converged={metric: all(of.targets.get(metric, True) for of in decisions) for metric in watched},
        stop_reasons=dict.fromkeys(np.unique(samples.metric).tolist(), _stop_reason(decisions)),
    )
    if watched and len(decisions) > 1:
        return tuple(_judged_over_processes(summary, facts) for summary in sampled)
    if watched:
        return tuple(summary if summary.metric in watched else _judged(summary, facts) for summary in sampled)
    return sampled


def _stop_reason(decisions: Sequence[Decision]) -> str:
    """Return why the first run that did not converge stopped sampling, else why the first run did."""
    return min(decisions, key=lambda decision: decision.converged).reason if decisions else ""


def _judged(summary: Summary, facts: CaseFacts) -> Summary:
    """Judge a metric that the stopping rule did not watch by the criteria of the rule."""
    few = summary.n < facts.limits.min_samples
    if not few and is_narrow(summary, facts):
        return replace(summary, converged=True)
    reason = f"{summary.n} of {facts.limits.min_samples} samples" if few else "interval wider than asked for"
    is_window = summary.stop_reason.startswith(ONE_WINDOW)
    ended = f"{summary.stop_reason}: {reason}" if is_window else f"{reason}; sampling ends by other metrics"
    return replace(summary, converged=False, stop_reason=ended)


def _judged_over_processes(summary: Summary, facts: CaseFacts) -> Summary:
    """Judge a metric by its interval over processes: how each of them ended says nothing about the others."""
    count, asked = len(facts.decisions), facts.limits.relative_width / 2
    width = relative_width(summary.quantiles["p50"])
    if is_narrow(summary, facts):
        return replace(summary, converged=True, stop_reason=f"interval over {count} processes narrow enough")
    reach = "there is no interval" if width is None else f"the interval is ±{width / 2:.1%}"
    return replace(summary, converged=False, stop_reason=f"after {count} processes {reach}, ±{asked:.1%} was asked for")
