"""The change between two figures, from nothing but their intervals. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from inference_bench.analysis.margin import MARGIN
from inference_bench.metrics import METRICS, ROUNDING_NATS, Better, Statistic, statistic_of, unit_of

if TYPE_CHECKING:
    from inference_bench.result import Summary


class Answer(StrEnum):
    """What two intervals say of a change."""

    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "differs"
    """A change of a metric whose direction is unknown."""
    SAME = "same"
    """The whole interval of the change lies within the margin."""
    OPEN = "open"
    """The interval includes no change, and changes beyond the margin."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """A figure against a baseline's.

    Attributes:
        answer: what the interval says.
        size: with its interval: a ratio if ``relative``, else a difference in the metric's unit.
        relative: whether it is a ratio.
    """

    answer: Answer
    size: Interval
    relative: bool


def change_of(base: Summary, other: Summary, margin: float = MARGIN) -> Change | None:
    """Return the change from a baseline's figure to another one, or None if one of them has no interval.

    It is a ratio if everything is positive. Shares and slopes have a difference: a ratio of two small shares hides how
    small they are, and a slope may be zero.

    Args:
        base: of the baseline.
        other: of the same metric.
        margin: changes up to this fraction of the baseline's figure count as none.
    """
    a, b = _interval_of(base), _interval_of(other)
    if a is None or b is None or base.level != other.level:
        return None
    metric = base.metric
    if unit_of(metric) == "nats/token" and max(a.high, b.high) <= ROUNDING_NATS:
        return Change(Answer.SAME, difference_of(a, b), relative=False)
    relative = unit_of(metric) != "fraction" and statistic_of(metric) is not Statistic.SLOPE and min(a.low, b.low) > 0
    size = ratio_of(a, b) if relative else difference_of(a, b)
    limits = (1 / (1 + margin), 1 + margin) if relative else (-margin * abs(a.value), margin * abs(a.value))
    return Change(_answer(metric, size, 1.0 if relative else 0.0, limits), size, relative)


def _interval_of(summary: Summary) -> Interval | None:
    found = summary.headline
    if found.value is None or found.low is None or found.high is None:
        return None
    return Interval(found.value, found.low, found.high)


def _answer(metric: str, size: Interval, no_change: float, limits: tuple[float, float]) -> Answer:
    if limits[0] <= size.low and size.high <= limits[1]:
        return Answer.SAME
    if size.low <= no_change <= size.high:
        return Answer.OPEN
    if metric not in METRICS:
        return Answer.DIFFERENT
    is_better = (size.low > no_change) == (METRICS[metric].better is Better.HIGHER)
    return Answer.BETTER if is_better else Answer.WORSE


def difference_of(base: Interval, other: Interval) -> Interval:
    """Return the difference of two independently estimated figures, with an interval of the same level.

    The distances from each figure to the ends of its interval are combined as a square root of squares (MOVER: Zou and
    Donner 2008). With Wilson's intervals of two shares this is method 10 of Newcombe 1998. If both figures come from
    the same items, as two accuracies do, they usually rise and fall together, and the interval is wider than needed.
    """
    difference = other.value - base.value
    low = difference - math.hypot(other.value - other.low, base.high - base.value)
    high = difference + math.hypot(other.high - other.value, base.value - base.low)
    return Interval(difference, low, high)


def ratio_of(base: Interval, other: Interval) -> Interval:
    """Return the ratio of two positive, independently estimated figures, with an interval of the same level.

    It is the difference of the logarithms (``difference_of``). A quantile's interval of order statistics is one of its
    logarithm as well, because the logarithm keeps the order.
    """
    found = difference_of(_logarithm(base), _logarithm(other))
    return Interval(math.exp(found.value), math.exp(found.low), math.exp(found.high))


def _logarithm(of: Interval) -> Interval:
    return Interval(math.log(of.value), math.log(of.low), math.log(of.high))
