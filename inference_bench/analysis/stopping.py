"""When to stop sampling: the median is precise enough, or the budget is spent."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.estimates import median_estimate, relative_width, split_halves_agree
from inference_bench.analysis.quantiles import quantile
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from inference_bench.result import Estimate
    from inference_bench.spec import Limits

GROWTH = 1.25
"""Growth of the samples from one look to the next. Looking after each sample stops at the first lucky interval."""

ONE_WINDOW = "one window"
"""Beginning of the reason of a decision on a load: its length was given, and no rule ended it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Why sampling ended.

    Attributes:
        converged: whether every target met the rule.
        reason: a short sentence for people.
        targets: by metric, whether it met the rule.
    """

    converged: bool
    reason: str
    targets: Mapping[str, bool]


class StoppingRule:
    """Decides between iterations whether the medians of the targets are precise enough.

    A target meets the rule if the interval of its median is narrow enough and its two halves agree, or if the spread
    of its samples is at most the clock's resolution. All targets must meet it at the same look. A look sorts the
    samples, so looks are rare: they come at sample counts that grow geometrically.

    Args:
        limits: when to stop.
        targets: tags of the metrics whose medians must become precise.
        resolution_ns: smallest step of the clock; 0 if the samples are no times.
    """

    def __init__(self, limits: Limits, targets: Sequence[str], resolution_ns: float = 0) -> None:
        if not targets:
            raise InvalidValueError("targets", "none", "at least one metric that must become precise")
        self._limits = limits
        self._resolution_ns = resolution_ns
        self._samples = {target: array("q") for target in targets}
        self._next_look = limits.min_samples
        self._estimates: dict[str, Estimate] = {}

    def observe(self, metric: str, value: int) -> None:
        """Add a measured sample; samples of a metric that is no target are ignored."""
        samples = self._samples.get(metric)
        if samples is not None:
            samples.append(value)

    def observe_all(self, metric: str, values: Iterable[int]) -> None:
        """Add measured samples of a target."""
        self._samples[metric].extend(values)

    @property
    def most(self) -> int:
        """The largest number of samples of any target."""
        return max(map(len, self._samples.values()))

    def decide(self, elapsed_ns: int) -> Decision | None:
        """Return why to stop, or None to continue.

        Args:
            elapsed_ns: time since the first measured iteration began.
        """
        counts = [len(samples) for samples in self._samples.values()]
        fewest, limits = min(counts), self._limits
        if fewest < self._next_look and elapsed_ns < limits.budget_ns and max(counts) < limits.max_samples:
            return None
        exhausted = self._exhausted(fewest, elapsed_ns)
        self._next_look = math.ceil(fewest * GROWTH)
        enough = fewest >= self._limits.min_samples
        reasons = {target: self._look(target) if enough else "" for target in self._samples}
        targets = {target: bool(reason) for target, reason in reasons.items()}
        if all(targets.values()):
            return Decision(True, ", ".join(dict.fromkeys(reasons.values())), targets)
        return Decision(False, exhausted, targets) if exhausted else None

    def judge(self, reason: str) -> Decision:
        """Return whether each target meets the rule with what was observed, where the number of samples was given.

        Args:
            reason: why sampling ended.
        """
        enough = min(map(len, self._samples.values())) >= self._limits.min_samples
        targets = {target: enough and bool(self._look(target)) for target in self._samples}
        return Decision(all(targets.values()), reason, targets)

    def medians(self) -> dict[str, float | None]:
        """Return each target's median at the last look, for progress."""
        return {target: estimate.value for target, estimate in self._latest().items()}

    def relative_widths(self) -> dict[str, float | None]:
        """Return the width of each median's interval over the median at the last look, for progress."""
        return {target: relative_width(estimate) for target, estimate in self._latest().items()}

    def _exhausted(self, fewest: int, elapsed_ns: int) -> str:
        """Return which limit is reached; empty if none is."""
        if elapsed_ns >= self._limits.budget_ns:
            few = fewest < self._limits.min_samples
            return "time budget spent" + (f" before {self._limits.min_samples} samples" if few else "")
        if self.most >= self._limits.max_samples:
            return f"limit of {self._limits.max_samples} samples reached"
        return ""

    def _look(self, target: str) -> str:
        """Return why the target meets the rule; empty if it does not."""
        values = self._values(target)
        estimate = self._estimates[target] = median_estimate(values)
        width = relative_width(estimate)
        if width is not None and width <= self._limits.relative_width and split_halves_agree(values):
            return "interval narrow enough"
        if self._resolution_ns > 0 and _interquartile_range(values) <= 2 * self._resolution_ns:
            return "spread within the resolution of the clock"
        return ""

    def _latest(self) -> dict[str, Estimate]:
        """Return the estimates of the last look; before the first look, fresh ones, which few samples make cheap."""
        return self._estimates or {target: median_estimate(self._values(target)) for target in self._samples}

    def _values(self, target: str) -> NDArray[np.int64]:
        return np.array(self._samples[target], np.int64)  # a copy: an array that is viewed cannot grow


def _interquartile_range(values: NDArray[np.int64]) -> float:
    ordered = np.sort(values)
    return quantile(ordered, 0.75) - quantile(ordered, 0.25)
