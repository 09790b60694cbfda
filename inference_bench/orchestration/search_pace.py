"""Which rounds of a search fit into its time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference_bench._native import now_ns
from inference_bench.orchestration.search_stages import Stage
from inference_bench.units import counted, format_ns


@dataclass(slots=True)
class Pace:
    """How long a turn, one set-up in one round, is expected to take: as long as it did in the last stage.

    Args:
        deadline_ns: the end of the search, by ``now_ns``.
    """

    deadline_ns: int
    _turn_ns: float = 0.0
    _budget_ns: int = 0
    _cases: int = 1

    def fitting(self, stage: Stage, setups: int) -> Stage:
        """Return a stage with as many of its rounds as are expected to end in time; the first stage of all as it is."""
        if not self._turn_ns:
            return stage
        left_ns = max(0, self.deadline_ns - now_ns())
        return replace(stage, rounds=min(stage.rounds, int(left_ns // self._round_ns(stage, setups))))

    def refusal(self, stage: Stage, setups: int) -> str:
        """Return why no round of a stage is begun."""
        expected = format_ns(self._round_ns(stage, setups))
        return f"time spent: another round of {counted(setups, 'set-up')} takes some {expected}, more than was left"

    def learn(self, stage: Stage, turns: int, took_ns: int, cases: int) -> None:
        """Note how long the turns of a stage took together.

        Args:
            stage: that was measured.
            turns: set-ups x rounds, at least one.
            took_ns: all of them.
            cases: that each turn measured.
        """
        self._turn_ns, self._budget_ns, self._cases = took_ns / turns, stage.budget_ns, cases

    def _round_ns(self, stage: Stage, setups: int) -> float:
        return setups * (self._turn_ns + self._cases * (stage.budget_ns - self._budget_ns))
