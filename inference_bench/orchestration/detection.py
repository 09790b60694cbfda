"""The plan of ``ab --detect``: how many pairs a change of this size needs, whether it is reached, whether it can be."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from inference_bench.analysis.comparison_result import Comparison
from inference_bench.analysis.evidence import evidence
from inference_bench.analysis.location_shift import needed_runs
from inference_bench.analysis.matching import match
from inference_bench.analysis.observations import Side
from inference_bench.analysis.power import Forecast, Spread, forecast
from inference_bench.metrics import MAIN_METRICS, is_derived, title_of
from inference_bench.orchestration.plan_time import round_s
from inference_bench.orchestration.planning import Prepared
from inference_bench.results.noise_store import Noise, Slot
from inference_bench.results.run_comparison import RunComparison
from inference_bench.units import counted

PILOT = 4
"""Pairs that are measured before a plan if the A/A floor does not say how much this machine scatters."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be detected, and what may be spent on it.

    Attributes:
        change: as a fraction; the margin is part of it.
        metrics: tags asked for; all if empty.
        margin: changes up to this fraction count as none.
        level: confidence level of each look.
        most: pairs that may be measured.
        time_s: seconds after which no further pair begins.
    """

    change: float
    metrics: Collection[str]
    margin: float
    level: float
    most: int
    time_s: float

    def strict(self, comparisons: int) -> float:
        """Return the level that Holm's correction asks of the most significant of so many comparisons."""
        return 1 - (1 - self.level) / max(1, comparisons)

    def is_wanted(self, metric: str, others: Collection[str]) -> bool:
        """Return whether this metric is to be detected: one asked for, a main one, or any if there is no main one."""
        if self.metrics:
            return metric in self.metrics
        return metric in MAIN_METRICS or not MAIN_METRICS.intersection(others)


@dataclass(frozen=True, slots=True)
class DetectionPlan:
    """What it takes, as far as it is known.

    Attributes:
        target: what is to be detected.
        found: the forecast; None if this machine's A/A floor does not tell.
        unknown: benchmarks without a floor.
        pair_s: seconds of a pair (of a round, with several candidates), at most if nothing was measured yet.
        source: where the scatter is known from, for people.
    """

    target: Target
    found: Forecast | None
    unknown: tuple[str, ...]
    pair_s: float
    source: str

    @property
    def sentence(self) -> str:
        """How many pairs and how much time it takes, or why that is not known yet, or not possible."""
        change = f"to detect a change of {_percent(self.target.change)}"
        if self.hopeless:
            return f"{change} is not possible: {self.hopeless}"
        if self.found is None or self.found.pairs is None:
            why = f"the A/A floor of {', '.join(self.unknown)} is not known on this machine (`noise` measures it)"
            return f"{change}: {why}: the first {PILOT} pairs tell how many it takes"
        return f"{change} in four of five cases takes about {self._cost(self.found)}"

    def _cost(self, found: Forecast) -> str:
        pairs = found.pairs or 0
        cost = f"{counted(pairs, 'pair')}, {_duration(pairs * self.pair_s)} at {self.pair_s:.2g} s per pair"
        return f"{cost}; {found.hardest} needs most ({self.source})"

    @property
    def hopeless(self) -> str:
        """Why the limits do not allow it, and which would; empty if they may, or if that is not known."""
        found, target = self.found, self.target
        if found is None:
            return ""
        if found.margin >= target.change:
            return (
                f"the margin of {found.hardest} is {_percent(found.margin)}; lower it with --margin (with --margin 0 "
                "the A/A floor does not raise it)"
            )
        if found.fewest is None or found.fewest > target.most:
            told = f"it takes about {self._cost(found)}; " if found.pairs is not None else ""
            needed = "" if found.pairs is None else f"; --runs {found.pairs} would allow it"
            return f"{told}--runs allows {target.most:,}, which detect {_percent(found.reach)}{needed}"
        if found.fewest * self.pair_s > target.time_s and found.pairs is not None:
            needed_s = math.ceil(found.pairs * self.pair_s)
            return (
                f"it takes about {self._cost(found)}; --time allows {target.time_s / self.pair_s:.0f} of them, "
                f"--time {needed_s} all"
            )
        return ""


def plan_ahead(target: Target, noise: Noise | None, prepared: Sequence[Prepared]) -> DetectionPlan:
    """Plan from the A/A floor, before anything is measured; the times are what budgets allow.

    Args:
        target: what is to be detected.
        noise: the A/A floors of this machine, or None if unknown.
        prepared: the plan of the baseline and of each candidate.
    """
    cases = [case for case in prepared[0].plan.cases if case.id not in prepared[0].not_applicable]
    benchmarks = dict.fromkeys(case.benchmark for case in cases)
    slots = {name: list(_slots(name, target, noise)) for name in benchmarks}
    unknown = tuple(name.replace("_", " ") for name, known in slots.items() if not known)
    found, pair_s = None, sum(map(round_s, prepared))
    if noise is not None and not unknown:
        placed = [(slot, case.id) for case in cases for slot in slots[case.benchmark]]
        spreads = [
            spread for slot, case_id in placed if (spread := _known_spread(slot, case_id, target, noise)) is not None
        ]
        strict = target.strict(len(placed) * (len(prepared) - 1))
        found = forecast(spreads, target.change, strict, target.most) if spreads else None
    return DetectionPlan(target, found, unknown or tuple(benchmarks), pair_s, "by the A/A floor of this machine")


def plan_on(target: Target, compared: RunComparison, pair_s: float) -> DetectionPlan:
    """Plan from the pairs measured so far.

    Args:
        target: what is to be detected.
        compared: by the pairs measured so far.
        pair_s: seconds that each of them took.
    """
    rows = list(_wanted(target, compared))
    spreads = [
        spread
        for (before, after), found in zip(compared.observed, compared.compared, strict=True)
        for spread in _measured_spreads(before, after, [row for row in rows if row in found.rows])
    ]
    tested = sum(row.p is not None for row in compared.rows)
    known = forecast(spreads, target.change, target.strict(tested), target.most) if spreads else None
    benchmarks = tuple(dict.fromkeys(row.before.benchmark for row in compared.rows))
    return DetectionPlan(target, known, benchmarks, pair_s, "by the pairs so far")


def is_reached(target: Target, compared: RunComparison) -> bool:
    """Return whether the change would have been detected in every figure that is wanted."""
    rows = list(_wanted(target, compared))
    least = needed_runs(target.strict(sum(row.p is not None for row in compared.rows)), paired=True)
    return bool(rows) and all(
        row.smallest_effect is not None and row.smallest_effect <= target.change and row.runs[0] >= least
        for row in rows
    )


def _wanted(target: Target, compared: RunComparison) -> Iterator[Comparison]:
    """Yield the rows of pairs whose change is a ratio and is to be detected."""
    metrics: dict[str, set[str]] = {}
    for row in compared.rows:
        metrics.setdefault(row.before.benchmark, set()).add(row.metric)
    for row in compared.rows:
        if row.relative and row.replicate == "pair" and target.is_wanted(row.metric, metrics[row.before.benchmark]):
            yield row


def _slots(benchmark: str, target: Target, noise: Noise | None) -> Iterator[Slot]:
    """Yield the slots of a benchmark that are wanted and have a floor."""
    slots = [slot for slot in (noise.cases if noise else ()) if slot[0] == benchmark]
    for slot in slots:
        if not is_derived(slot[1]) and target.is_wanted(slot[1], {metric for _, metric, _ in slots}):
            yield slot


def _known_spread(slot: Slot, case_id: str, target: Target, noise: Noise) -> Spread | None:
    size, freedom = noise.spread_of(slot, case_id)
    floor = noise.floor_of(slot, case_id, paired=True) if target.margin > 0 else 0.0
    name = f"{title_of(slot[1])} of {slot[0].replace('_', ' ')}"
    return Spread(name, size, freedom, max(target.margin, floor)) if freedom else None


def _measured_spreads(before: Side, after: Side, rows: Sequence[Comparison]) -> Iterator[Spread]:
    margins = {(row.before.id, row.metric, row.phase): row.margin for row in rows}
    for a, b in chain.from_iterable(match(before, after).groups):
        margin = margins.get((a.case.id, a.metric, a.phase))
        found = evidence(a, b, paired=True) if margin is not None else None
        if margin is not None and found is not None and found.runs[0] > 1:
            size = found.shift.error * math.sqrt(found.runs[0])
            name = f"{title_of(a.metric)} of {a.case.benchmark.replace('_', ' ')}"
            yield Spread(name, size, found.runs[0] - 1, margin)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
