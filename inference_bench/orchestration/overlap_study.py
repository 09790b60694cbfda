"""Does loading ahead save time, and does it disturb what is timed? The same plan with it and without, in turns.

The sweeps go on, off, off, on, on, off …, so that a slow drift of the machine falls on both. Without it the CPU sets
stay as the policy has them, so that loading ahead alone is compared. Two successive sweeps without it are the A/A
comparison: what a pair differs by in which nothing differs.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from inference_bench._native import now_ns
from inference_bench.analysis.comparison import Comparisons, Floor, Side, compare, no_floor
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.results.comparison_sides import observe
from inference_bench.results.run_folder import Run
from inference_bench.spec import Spec

TIMED = ("ttft", "itl", "forward_time")
"""Metrics that a loader could disturb, each the time of one step."""

_MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Sweep:
    """One carrying out of the plan.

    Attributes:
        run: what it measured.
        wall_ns: from its beginning to its end.
    """

    run: Run
    wall_ns: int


@dataclass(frozen=True, slots=True)
class OverlapCheck:
    """Sweeps with and without loading ahead, pair ``k`` of one beside pair ``k`` of the other.

    Attributes:
        folder: that holds their runs.
        policy: the one that the sweeps with it followed, and why that one.
        ahead: sweeps with it.
        off: sweeps without it.
        compared: the medians with it against those without it.
        interrupted: whether it was asked to stop.
    """

    folder: Path
    policy: str
    ahead: tuple[Sweep, ...]
    off: tuple[Sweep, ...]
    compared: Comparisons
    interrupted: bool

    @property
    def wall_ratios(self) -> list[float]:
        """Wall time with it over wall time without it, of each pair."""
        return [a.wall_ns / b.wall_ns for a, b in zip(self.ahead, self.off, strict=True)]

    @property
    def hidden_of_all(self) -> float:
        """Share of all loading that passed while something else was measured."""
        return self._share("load_ns")

    @property
    def hidden_of_hideable(self) -> float:
        """Share of what the policy could have hidden."""
        return self._share("hideable_ns")

    @property
    def shifts(self) -> list[float]:
        """Typical size of each median's change between a sweep with it and its neighbour without it, as a fraction."""
        return _changes([(a.run, b.run) for a, b in zip(self.ahead, self.off, strict=True)])

    @property
    def noise(self) -> list[float]:
        """The same between successive sweeps that both are without it."""
        return _changes([(a.run, b.run) for a, b in pairwise(self.off)])

    def _share(self, of: str) -> float:
        accounts = [sweep.run.record.overlap for sweep in self.ahead]
        whole = sum(account.get(of, 0) for account in accounts)
        return float(sum(account.get("hidden_ns", 0) for account in accounts) / whole) if whole else 0.0


async def check_overlap(
    spec: Spec,
    *,
    pairs: int,
    output: Path,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    floor: Floor = no_floor,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> OverlapCheck | None:
    """Carry a plan out ``pairs`` times with loading ahead and as often without.

    Args:
        spec: the plan, its policy, and how far ahead it loads.
        pairs: from 6 on each median's change has an exact interval.
        output: where the folder of all runs is created.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        floor: the A/A floor of this machine.
        progress: who is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Returns:
        What was found, of all whole pairs; None where it was stopped before there was one.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    progress = progress or Progress()
    folder = output / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-overlap"
    sides: dict[bool, list[Sweep]] = {True: [], False: []}
    interrupted = False
    for pair in range(pairs):
        for is_ahead in (True, False) if pair % 2 == 0 else (False, True):
            progress.message(f"pair {pair + 1} of {pairs}: {'with' if is_ahead else 'without'} loading ahead")
            began_ns = now_ns()
            outcome: RunOutcome = await run_benchmarks(
                spec if is_ahead else replace(spec, lookahead=0),
                output=folder,
                models_dirs=models_dirs,
                benchmarks_dirs=benchmarks_dirs,
                progress=_Warner(progress),
                handle_signals=handle_signals,
            )
            interrupted = outcome.interrupted
            if interrupted:
                break
            sides[is_ahead].append(Sweep(outcome.run, now_ns() - began_ns))
        if interrupted:
            break
    whole = min(map(len, sides.values()))
    if not whole:
        return None
    ahead, off = (tuple(sides[is_ahead][:whole]) for is_ahead in (True, False))
    compared = compare(_side("off", off), _side("on", ahead), margin=_MARGIN, floor=floor, paired=True)
    overlap = ahead[0].run.record.overlap
    policy = f"{overlap.get('policy', 'unknown')}: {overlap.get('reason', 'no reason given')}"
    return OverlapCheck(folder, policy, ahead, off, compared, interrupted)


class _Warner(Progress):
    """Passes on warnings: twelve sweeps tell no more of their cases than that they go on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._progress.warn(text)


def _side(name: str, sweeps: Sequence[Sweep]) -> Side:
    return observe(name, [sweep.run for sweep in sweeps], metrics=TIMED, paired=True)


def _changes(pairs: Sequence[tuple[Run, Run]]) -> list[float]:
    """Return the median over pairs of the change's size, for each case and metric."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for first, second in pairs:
        values = dict(_medians(first))
        for slot, value in _medians(second):
            if slot in values:
                found.setdefault(slot, []).append(math.expm1(abs(math.log(value / values[slot]))))
    return [median(changes) for changes in found.values()]


def _medians(run: Run) -> Iterator[tuple[tuple[str, str, str], float]]:
    for result in run.results:
        for summary in result.summaries:
            if summary.metric in TIMED and summary.headline.value:
                yield (result.case.id, summary.metric, summary.phase), summary.headline.value
