"""Does loading ahead save time, and does it disturb what is timed? The same plan with it and without, in turns.

The sweeps run on, off, off, on, on, off …, so that a slow drift of the machine affects both sides alike. Without
loading ahead the CPU sets stay as the policy has them, so that nothing else is compared. Two successive sweeps without
it are the A/A comparison: how much medians differ although nothing was changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from inference_bench._native import now_ns
from inference_bench.orchestration.progress import Harmless, Progress
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.provenance.record import Provenance
from inference_bench.results.noise_store import Noise
from inference_bench.results.run import Run
from inference_bench.results.run_comparison import ComparisonOptions, RunComparison, RunSide, compare_runs
from inference_bench.results.run_group import new_group, on_disk, stores
from inference_bench.results.storage import Folder
from inference_bench.spec import Spec

TIMED = ("ttft", "itl", "forward_time")
"""Metrics that a loader could disturb: each is the time of one step."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One run of the plan.

    Attributes:
        run: what it measured.
        wall_ns: from its beginning to its end.
    """

    run: Run
    wall_ns: int


@dataclass(frozen=True, slots=True)
class OverlapCheck:
    """Sweeps with and without loading ahead; sweep ``k`` of one side is the partner of sweep ``k`` of the other.

    Attributes:
        folder: that holds their runs.
        policy: of the sweeps with loading ahead, and why this one.
        ahead: sweeps with loading ahead.
        off: sweeps without.
        comparison: the medians with loading ahead against those without.
        interrupted: whether it was asked to stop.
        stored_at: address that the runs were copied to; empty if none was asked for.
        sink_failure: why that is not complete, and what to do; empty if it is.
    """

    folder: Path
    policy: str
    ahead: tuple[Sweep, ...]
    off: tuple[Sweep, ...]
    comparison: RunComparison
    interrupted: bool
    stored_at: str = ""
    sink_failure: str = ""

    @property
    def wall_ratios(self) -> list[float]:
        """Wall time with loading ahead over wall time without, per pair."""
        return [a.wall_ns / b.wall_ns for a, b in zip(self.ahead, self.off, strict=True)]

    @property
    def hidden_of_all(self) -> float:
        """Share of all loading that took place while another model was measured or loaded."""
        return self._share("load_ns")

    @property
    def hidden_of_hideable(self) -> float:
        """Share of the loading that the policy could have hidden."""
        return self._share("hideable_ns")

    @property
    def shifts(self) -> list[float]:
        """Typical change of each median between the two sweeps of a pair, as a fraction."""
        return _changes([(a.run, b.run) for a, b in zip(self.ahead, self.off, strict=True)])

    @property
    def noise(self) -> list[float]:
        """Typical change of each median between successive sweeps without loading ahead, as a fraction."""
        return _changes([(a.run, b.run) for a, b in pairwise(self.off)])

    def _share(self, of: str) -> float:
        accounts = [sweep.run.record.overlap for sweep in self.ahead]
        whole = sum(account.get(of, 0) for account in accounts)
        return float(sum(account.get("hidden_ns", 0) for account in accounts) / whole) if whole else 0.0


async def check_overlap(
    spec: Spec,
    *,
    pairs: int,
    output: Folder,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    noise: Noise | None = None,
    marks: Provenance | None = None,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> OverlapCheck | None:
    """Carry a plan out ``pairs`` times with loading ahead and as often without.

    Args:
        spec: the plan, its policy, and how far ahead it loads.
        pairs: from 6 on each median's change has an exact interval.
        output: where the folder of all runs is created; for an address on a store, as for ``run_benchmarks``.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        noise: the A/A floors of this machine, or None if unknown.
        marks: label, note and tags of all runs.
        progress: is told which sweep begins, and warnings.
        handle_signals: on SIGINT finish the present case and stop; main thread only.

    Returns:
        What the whole pairs say; None if it was stopped before the first was whole.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    progress = Harmless(progress or Progress())
    group = new_group(output, "overlap")
    sides: dict[bool, list[Sweep]] = {True: [], False: []}
    interrupted, failures = False, dict[str, None]()
    for pair, is_ahead in _turns(pairs):
        progress.message(f"pair {pair + 1} of {pairs}: {'with' if is_ahead else 'without'} loading ahead")
        began_ns = now_ns()
        outcome = await run_benchmarks(
            spec if is_ahead else replace(spec, lookahead=0),
            output=group,
            models_dirs=models_dirs,
            benchmarks_dirs=benchmarks_dirs,
            marks=marks,
            progress=_Warner(progress),
            handle_signals=handle_signals,
        )
        interrupted = outcome.interrupted
        failures |= dict.fromkeys(filter(None, [outcome.sink_failure]))
        if interrupted:
            break
        sides[is_ahead].append(Sweep(outcome.run, now_ns() - began_ns))
    found = _study(on_disk(group), sides[True], sides[False], noise, interrupted=interrupted)
    return found and replace(found, stored_at="".join(stores(group)), sink_failure=" ".join(failures))


def _turns(pairs: int) -> Iterator[tuple[int, bool]]:
    """Yield each sweep's pair, from 0, and whether it loads ahead: on, off, off, on, on, off …."""
    for pair in range(pairs):
        for is_ahead in (True, False) if pair % 2 == 0 else (False, True):
            yield pair, is_ahead


def _study(
    folder: Path, ahead: Sequence[Sweep], off: Sequence[Sweep], noise: Noise | None, *, interrupted: bool
) -> OverlapCheck | None:
    """Compare the whole pairs, or return None if there is none."""
    whole = min(len(ahead), len(off))
    if not whole:
        return None
    ahead, off = tuple(ahead[:whole]), tuple(off[:whole])
    options = ComparisonOptions(TIMED, noise=noise, paired=True)
    comparison = compare_runs([_side("off", off), _side("on", ahead)], options)
    overlap = ahead[0].run.record.overlap
    policy = f"{overlap.get('policy', 'unknown')}: {overlap.get('reason', 'no reason given')}"
    return OverlapCheck(folder, policy, ahead, off, comparison, interrupted)


class _Warner(Progress):
    """Passes on warnings only: the cases of twelve sweeps are too much to read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._progress.warn(text)


def _side(name: str, sweeps: Sequence[Sweep]) -> RunSide:
    return RunSide(name, tuple(sweep.run for sweep in sweeps))


def _changes(pairs: Sequence[tuple[Run, Run]]) -> list[float]:
    """Return the median over pairs of the size of the change, one per case and metric."""
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
