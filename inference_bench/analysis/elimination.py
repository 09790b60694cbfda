"""Which of many set-ups is fastest: round after round, those leave that are slower than the best. Pure functions.

All set-ups that are left take part in each round, so what the machine does meanwhile affects all of them. The time of a
set-up in a round is taken as set-up × round × chance, and the chance is estimated from all of them together: two rounds
of twelve set-ups have eleven degrees of freedom, where two of one pair have one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from inference_bench.analysis.quantiles import LEVEL
from inference_bench.ceilings import Interval

MARGIN = 0.02
"""A set-up whose time is at most this fraction above that of the best counts as equally fast."""
KEPT_SHARE = 0.5
"""Share of the set-ups of a stage that go on at most, unless more may still be within the margin of the best."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What is known of the chance of a round before it is measured.

    Attributes:
        spread: standard deviation of the logarithm of one set-up's time in one round.
        freedom: degrees of freedom that the estimate is worth.
        floor: differences up to this fraction are seen between equal set-ups: the A/A floor.
    """

    spread: float = 0.03
    freedom: float = 4.0
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Departure:
    """A set-up that left.

    Attributes:
        name: of the set-up.
        reason: why, a sentence without an end.
        ratio: its time over that of the best at that moment, with its interval; None if it was not measured.
        rounds: in which it was measured.
    """

    name: str
    reason: str
    ratio: Interval | None
    rounds: int


@dataclass(slots=True)
class Elimination:
    """The set-ups that are left, and those that are not.

    Args:
        names: of all set-ups.
        chance: of a round.
        margin: as ``MARGIN``.
    """

    names: Sequence[str]
    chance: Chance = Chance()
    margin: float = MARGIN
    departures: list[Departure] = field(default_factory=list)
    _rounds: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        """The names of the set-ups that are left: the best first, once a round was measured."""
        gone = {departure.name for departure in self.departures}
        remaining = [name for name in self.names if name not in gone]
        return sorted(remaining, key=self._level) if self._rounds else remaining

    @property
    def rounds(self) -> int:
        """How many rounds all set-ups that are left took part in."""
        return len(self._rounds)

    @property
    def is_decided(self) -> bool:
        """Whether all that are left are certainly as fast as the best, up to the margin or the A/A floor."""
        return bool(self._rounds) and all(of.high <= 1 + self._tolerance for of in self.ratios().values())

    def add_round(self, times: Mapping[str, float], failures: Mapping[str, str]) -> None:
        """Add the times of one round; a set-up without a time leaves.

        Args:
            times: name → positive time.
            failures: name → why there is no time.
        """
        for name in self.left:
            if name not in times:
                self.dismiss(name, failures.get(name, "it was not measured"))
        self._rounds.append({name: math.log(time) for name, time in times.items()})

    def dismiss(self, name: str, reason: str) -> None:
        """Let a set-up leave for a reason of its own."""
        self.dismiss_all([name], reason)

    def dismiss_all(self, names: Sequence[str], reason: str) -> None:
        """Let set-ups leave together: the time of each is held against the best of before."""
        ratios = self.ratios()
        self.departures += [Departure(name, reason, ratios.get(name), self.rounds) for name in names]

    def end_stage(self) -> None:
        """Let those leave that are certainly slower than the best, and of the others those of the worse half.

        Of the worse half those stay whose time is at most the margin above the best's.
        """
        ratios = self.ratios()
        most = math.ceil(KEPT_SHARE * len(ratios))
        for place, (name, ratio) in enumerate(ratios.items()):
            if ratio.low > 1 + self.chance.floor:
                self.departures.append(Departure(name, "slower than the best", ratio, self.rounds))
            elif place >= most and ratio.value > 1 + self._tolerance:
                self.departures.append(Departure(name, "in the slower half", ratio, self.rounds))

    def ratios(self) -> dict[str, Interval]:
        """Return the time of each set-up that is left over that of the best, which comes first.

        The intervals hold together at 95 %; that of the best is no interval, for it is the unit. Empty before the first
        round.
        """
        left = self.left
        if not self._rounds or not left:
            return {}
        logs = np.array([[of[name] for name in left] for of in self._rounds])
        reach = self._reach(logs)
        losses = (logs - logs[:, :1]).mean(axis=0)
        return {
            name: Interval(*(math.exp(loss + by) for by in ((0.0, -reach, reach) if place else (0.0, 0.0, 0.0))))
            for place, (name, loss) in enumerate(zip(left, losses.tolist(), strict=True))
        }

    @property
    def _tolerance(self) -> float:
        return max(self.margin, self.chance.floor)

    def _level(self, name: str) -> float:
        return sum(of[name] for of in self._rounds) / len(self._rounds)

    def _reach(self, logs: np.ndarray) -> float:
        """Return the half width of the intervals of differences, by Student's t with Bonferroni's correction.

        The variance is the one known before and that of the residuals of set-ups plus rounds, each weighted by its
        degrees of freedom.

        Args:
            logs: logarithms of times, shape (rounds, set-ups).
        """
        rounds, setups = logs.shape
        residuals = logs - logs.mean(axis=0) - logs.mean(axis=1, keepdims=True) + logs.mean()
        freedom = self.chance.freedom + (rounds - 1) * (setups - 1)
        squares = self.chance.freedom * self.chance.spread**2 + float((residuals**2).sum())
        error = math.sqrt(squares / freedom * 2 / rounds)
        others = max(1, setups - 1)
        return float(stdtrit(freedom, 1 - (1 - LEVEL) / 2 / others)) * error
