"""The evidence for a change: the shift between two sides' values or scores. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import MAX_EXPONENT
from inference_bench.analysis.location_shift import (
    MeanShift,
    Shift,
    few_runs_shift,
    needed_runs,
    paired_shift,
    score_shift,
    separate_shift,
)
from inference_bench.analysis.observations import Observations
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.analysis.score_summaries import score_estimate
from inference_bench.analysis.slope_shift import slope_shift
from inference_bench.metrics import Statistic, statistic_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """The shift between two sides.

    Attributes:
        shift: on the log scale if ``relative``.
        values: A's and B's figure, in the metric's unit.
        runs: processes (items) of A and of B.
        relative: whether the shift is a difference of logarithms.
        replicate: what ``runs`` counts: ``run``, ``pair``, ``machine``, ``item`` or ``repetition``.
        resolution: smallest change that the instruments can tell, in the metric's unit.
        in_rounds: whether the runs of both sides were measured in turn, so that a drift of the machine affects both.
        machines: machine → its own shift, where the sides were on several.
    """

    shift: Shift | MeanShift
    values: tuple[float, float]
    runs: tuple[int, int]
    relative: bool
    replicate: str
    resolution: float = 0.0
    in_rounds: bool = False
    machines: Mapping[str, float] = field(default_factory=dict)

    def scaled(self, fraction: float) -> float:
        """Return the size of a change, given as a fraction of A, on the scale of the shift."""
        return math.log1p(fraction) if self.relative else fraction * abs(self.values[0])

    def scaled_size(self, size: float) -> float:
        """Return the size of a change, given in the metric's unit, on the scale of the shift."""
        return math.log1p(size / abs(self.values[0])) if self.relative else size

    def unscaled(self, shift: float) -> float:
        """Return a shift as a fraction of A if it is relative, else in the metric's unit."""
        return math.expm1(min(shift, MAX_EXPONENT)) if self.relative else shift


def evidence(before: Observations, after: Observations, *, paired: bool, in_rounds: bool = False) -> Evidence | None:
    """Return the shift of the metric's own statistic between two sides, or None if there is nothing to compare.

    Args:
        before: A.
        after: B.
        paired: whether equally named processes of both sides ran next to each other in time.
        in_rounds: as in ``Evidence``; only then do a few runs decide, for their spread does not show a drift.
    """
    if before.scores and after.scores and not _has_enough_processes(before, after, paired=paired):
        return _of_items(before, after)
    return _of_processes(before, after, paired=paired, in_rounds=in_rounds)


def _has_enough_processes(before: Observations, after: Observations, *, paired: bool) -> bool:
    """Return whether an interval over processes exists; with fewer, the items of one process say more."""
    common = len(before.values.keys() & after.values.keys())
    processes = common if paired else min(len(before.values), len(after.values))
    fewest = min(len(before.scores), len(after.scores))
    return processes >= needed_runs(LEVEL, paired=paired) or (processes > 0 and fewest < 2)


def _of_processes(before: Observations, after: Observations, *, paired: bool, in_rounds: bool) -> Evidence | None:
    common = [process for process in before.values if process in after.values]
    is_paired = paired and bool(common)
    if is_paired:
        a, b = (np.array([of.values[process] for process in common]) for of in (before, after))
    else:
        a, b = (np.array(list(of.values.values())) for of in (before, after))
    if len(a) == 0 or len(b) == 0:
        return None
    relative = bool((a > 0).all() and (b > 0).all()) and statistic_of(before.metric) is not Statistic.SLOPE
    scaled = (np.log(a), np.log(b)) if relative else (a, b)
    resolution = max(before.resolution, after.resolution)
    step = math.log1p(resolution / float(np.median(a))) if relative else resolution
    shift: Shift | MeanShift
    if is_paired:
        shift = paired_shift(scaled[1] - scaled[0])
    else:
        shift = few_runs_shift(scaled[0], scaled[1], step) if in_rounds else separate_shift(scaled[0], scaled[1])
    return Evidence(
        shift=shift,
        values=(float(np.median(a)), float(np.median(b))),
        runs=(len(a), len(b)),
        relative=relative,
        replicate="pair" if is_paired else "run",
        resolution=resolution,
        in_rounds=in_rounds,
    )


def _of_items(before: Observations, after: Observations) -> Evidence | None:
    """Return the shift over the items that both sides have; None for a maximum, which has no interval."""
    items = [item for item in before.scores if item in after.scores]
    statistic = statistic_of(before.metric)
    if not items or statistic is Statistic.MAXIMUM:
        return None
    a, b = (np.array([of.scores[item][0] for item in items]) for of in (before, after))
    weights = np.array([before.scores[item][1] for item in items])
    figures = [score_estimate(before.metric, side, weights).value for side in (a, b)]
    if figures[0] is None or figures[1] is None:
        return None
    is_slope, relative = statistic is Statistic.SLOPE, statistic is Statistic.GEOMETRIC_MEAN
    resolution = max(before.resolution, after.resolution)
    return Evidence(
        shift=slope_shift(a, b) if is_slope else _mean_shift(a, b, weights, relative=relative),
        values=(figures[0], figures[1]),
        runs=(len(items), len(items)),
        relative=relative,
        replicate="repetition" if is_slope else "item",
        resolution=resolution / (len(items) - 1) if is_slope else resolution,
    )


def _mean_shift(
    before: NDArray[np.float64], after: NDArray[np.float64], weights: NDArray[np.float64], *, relative: bool
) -> MeanShift:
    if relative:
        before, after = np.log(before), np.log(after)
    return score_shift(before, after, weights)
