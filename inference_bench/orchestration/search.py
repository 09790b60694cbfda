"""The fastest set-up of many: all take turns in short rounds, those that are slower leave, the others get longer ones.

Each stage measures the set-ups that are left with about twice the sampling of the stage before: a single round as one
run, whose models load ahead; several rounds interleaved, as ``ab`` does. ``analysis.elimination`` decides who leaves. A
set-up that turns out to be another one under another name leaves after the first round. A set-up that changes what the
model computes may be the best only once its agreement with float32 was measured, so that no wrong one pushes out a
right one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.analysis.elimination import Chance, Departure, Elimination
from inference_bench.analysis.whole_times import TIMES, whole_times
from inference_bench.ceilings import Interval
from inference_bench.errors import UsageError
from inference_bench.orchestration.interleaved import TIME_SPENT
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Harmless, Progress
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.orchestration.search_pace import Pace
from inference_bench.orchestration.search_stages import (
    Stage,
    StageMeasurement,
    StageOutcome,
    resolved_setup,
    speed_of,
    stages,
)
from inference_bench.result import BenchmarkResult, Status
from inference_bench.results.comparison_sides import observe
from inference_bench.results.run import Run
from inference_bench.spec import Setup, Spec
from inference_bench.units import counted

_GUARD, _AGREEMENT = "agreement", "top1_agreement"
LEAST_AGREEMENT = 0.98
"""Share of positions at which the likeliest token must be that of float32."""
_REFERENCE = "float32"


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What a search may do.

    Attributes:
        time_ns: no round is begun that is not expected to end by then. The first one is always begun, and ends then,
            with the case that is being measured.
        least_agreement: as ``LEAST_AGREEMENT``; 0 to measure none.
        chance: of a round, as far as this machine's is known.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
    """

    time_ns: int
    least_agreement: float = LEAST_AGREEMENT
    chance: Chance = field(default_factory=Chance)
    models_dirs: tuple[Path, ...] = ()
    benchmarks_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """A search that has ended.

    Attributes:
        folder: that holds all runs.
        setups: name → set-up.
        ratios: name → time over the winner's, of those that were left at the end: the winner first. Empty without one.
        departures: those that left, in this order.
        agreements: name → share of equal likeliest tokens, of those whose agreement was measured.
        rounds: in which those that were left were measured.
        stop_reason: why no further round was measured.
        interrupted: whether it was asked to stop.
    """

    folder: Path
    setups: Mapping[str, Setup]
    ratios: Mapping[str, Interval]
    departures: tuple[Departure, ...]
    agreements: Mapping[str, float]
    rounds: int
    stop_reason: str
    interrupted: bool

    @property
    def winner(self) -> str | None:
        """The name of the fastest set-up; None if none could be measured."""
        return next(iter(self.ratios), None)


async def search(
    spec: Spec,
    setups: Mapping[str, Setup],
    refused: Mapping[str, str],
    terms: SearchTerms,
    *,
    output: Path,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> SearchOutcome:
    """Measure set-ups in turn until those that are left are equally fast, or the time is spent.

    Args:
        spec: the model, its weights, and the parameters of ``BENCHMARK``.
        setups: name → set-up, two or more that are not refused.
        refused: name → why that set-up cannot be measured.
        terms: what the search may do.
        output: where the folder of all runs is created.
        progress: is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Raises:
        UsageError: fewer than two set-ups can be measured; nothing was measured.
    """
    possible = [name for name in setups if name not in refused]
    if len(possible) < 2:
        found = f"{counted(len(setups), 'set-up')} ({'; '.join(setups) or 'none'})"
        why = "".join(f"; {name}: {reason}" for name, reason in refused.items())
        raise UsageError(f"search space: {found}{why}: expected two or more that can be measured; add --axis NAME=V,V.")
    folder = output / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-search"
    shown = _Ongoing(progress or Progress())
    searching = _Search(spec, setups, terms, folder, shown, handle_signals)
    for name, reason in refused.items():
        searching.elimination.dismiss(name, reason)
    outcome = await searching.carry_out(now_ns() + terms.time_ns)
    shown.close_at_last()
    return outcome


def refused_setups(spec: Spec, setups: Mapping[str, Setup], terms: SearchTerms) -> dict[str, str]:
    """Return the names of the set-ups that cannot be measured, and why; loads nothing."""
    found = {}
    for name, setup in setups.items():
        try:
            ready = prepare(speed_of(spec, [setup]), terms.models_dirs, terms.benchmarks_dirs)
        except UsageError as error:
            found[name] = str(error).rstrip(".")
            continue
        if why := next(iter(ready.not_applicable.values()), ""):
            found[name] = why
    return found


class _Ongoing(Harmless):
    """Passes on what happens in each of many runs; that one of them has ended is not the end."""

    def close(self) -> None:
        """Ignore the end of a stage."""

    def close_at_last(self) -> None:
        """Pass on the end of the search."""
        super().close()


@dataclass(slots=True)
class _Search:
    """A search while it is carried out."""

    spec: Spec
    setups: Mapping[str, Setup]
    terms: SearchTerms
    folder: Path
    progress: Progress
    handle_signals: bool
    elimination: Elimination = field(init=False)
    _stages: StageMeasurement = field(init=False)
    _agreements: dict[Setup, float | None] = field(default_factory=dict)
    _resolved: dict[Setup, Setup] = field(default_factory=dict)
    _interrupted: bool = False

    def __post_init__(self) -> None:
        self.elimination = Elimination(list(self.setups), self.terms.chance)
        folders = self.terms.models_dirs, self.terms.benchmarks_dirs
        self._stages = StageMeasurement(self.spec, self.folder, self.progress, self.handle_signals, *folders)

    async def carry_out(self, deadline_ns: int) -> SearchOutcome:
        """Carry out stage after stage."""
        pace = Pace(deadline_ns)
        for number, whole in enumerate(stages(), 1):
            left = self.elimination.left
            stage = pace.fitting(whole, len(left))
            if not stage.rounds:
                return self._outcome(pace.refusal(whole, len(left)))
            self.progress.message(f"stage {number}: {counted(len(left), 'set-up')}, {counted(stage.rounds, 'round')}")
            ended = await self._measure(left, stage, pace)
            self._dismiss_equal()
            if not self._interrupted:
                await self._guard()
            if ended or self._interrupted:
                return self._outcome("interrupted" if self._interrupted else ended)
            self.elimination.end_stage()
            if self.elimination.is_decided or not self.elimination.left:
                return self._outcome("decided")
        return self._outcome("limit of stages reached")

    async def _measure(self, names: Sequence[str], stage: Stage, pace: Pace) -> str:
        """Measure a stage, add its rounds, and return why it ended early; empty if it did not."""
        began_ns, is_first = now_ns(), not self.elimination.rounds
        outcome = await self._stages.measure({name: self.setups[name] for name in names}, stage, pace.deadline_ns)
        self._interrupted = outcome.interrupted
        for run in outcome.runs.values():
            self._resolved.update({result.case.setup: resolved_setup(result) for result in run.results})
        cases = max(len(run.results) for run in outcome.runs.values()) or 1
        pace.learn(stage, stage.rounds * len(names), now_ns() - began_ns, cases)
        sides = _sides(outcome)
        self._add_rounds(sides, ended_early=outcome.is_cut or outcome.interrupted)
        measured = sum(1 for times, _ in sides.values() if times)
        in_first = f" in the first round: {measured} of {counted(len(names), 'set-up')} measured" if is_first else ""
        return f"{TIME_SPENT}{in_first}" if outcome.is_cut else ""

    def _add_rounds(self, sides: Mapping[str, tuple[list[float], str]], *, ended_early: bool) -> None:
        """Add what was measured. Of a stage that ended early the whole rounds count, or the first of all as it is."""
        whole = min((len(times) for times, _ in sides.values() if times), default=0)
        if ended_early and self.elimination.rounds and not all(times for times, _ in sides.values()):
            return
        otherwise = "the search ended before its turn" if ended_early else "it was not measured"
        failures = {name: why or otherwise for name, (times, why) in sides.items() if why or not times}
        if ended_early and self.elimination.rounds:
            failures = {}
        for number in range(whole):
            of_round = {name: times[number] for name, (times, _) in sides.items() if number < len(times)}
            self.elimination.add_round(of_round, failures)
        if not whole and not ended_early:
            for name, why in failures.items():
                self.elimination.dismiss(name, why)

    def _dismiss_equal(self) -> None:
        """Dismiss set-ups that are another one under another name, such as attention ``auto`` beside ``sdpa``."""
        first: dict[Setup, str] = {}
        for name in [name for name in self.setups if name in self.elimination.left]:
            resolved = self._resolved.get(self.setups[name], self.setups[name])
            same = first.setdefault(resolved, name)
            if same != name:
                self.elimination.dismiss(name, f"the same as {same}")

    async def _guard(self) -> None:
        """Dismiss the best as long as it does not compute the same as float32."""
        while left := self.elimination.left:
            setup = _without_threads(self.setups[left[0]])
            if self._needs_guard(setup) and setup not in self._agreements:
                self.progress.message(f"agreement of {left[0]} with {_REFERENCE}")
                self._agreements[setup] = await self._agreement(self.setups[left[0]])
            if self._interrupted or self._may_win(setup):
                return
            self._dismiss_all(setup, self._disagreement(self._agreements[setup]))

    def _needs_guard(self, setup: Setup) -> bool:
        return bool(self.terms.least_agreement) and _changes_numbers(setup)

    def _may_win(self, setup: Setup) -> bool:
        agreement = self._agreements.get(setup)
        agrees = agreement is not None and agreement >= self.terms.least_agreement
        return agrees or not self._needs_guard(setup)

    def _dismiss_all(self, setup: Setup, reason: str) -> None:
        """Dismiss a set-up with any number of threads: they compute the same."""
        names = [name for name in self.elimination.left if _without_threads(self.setups[name]) == setup]
        self.elimination.dismiss_all(names, reason)

    def _disagreement(self, agreement: float | None) -> str:
        if agreement is None:
            return f"its agreement with {_REFERENCE} could not be measured"
        return f"agreement {agreement:.3f}, less than {self.terms.least_agreement:g}"

    async def _agreement(self, setup: Setup) -> float | None:
        """Return how often the likeliest token is that of float32, or None if that cannot be measured."""
        spec = replace(speed_of(self.spec, [setup]), benchmarks=(_GUARD,), axes={}, limits=self.spec.limits)
        try:
            outcome = await run_benchmarks(
                spec,
                output=self.folder,
                models_dirs=self.terms.models_dirs,
                benchmarks_dirs=self.terms.benchmarks_dirs,
                progress=self.progress,
                handle_signals=self.handle_signals,
            )
        except UsageError as error:
            self.progress.warn(str(error))
            return None
        self._interrupted = outcome.interrupted
        return next((found for result in outcome.run.results if (found := _score(result)) is not None), None)

    def _outcome(self, reason: str) -> SearchOutcome:
        of = self.elimination
        while of.left and not self._may_win(best := _without_threads(self.setups[of.left[0]])):
            unknown = f"its agreement with {_REFERENCE} was not measured before the search ended"
            known = self._agreements.get(best)
            self._dismiss_all(best, unknown if known is None else self._disagreement(known))
        measured = {
            name: found
            for name, setup in self.setups.items()
            if (found := self._agreements.get(_without_threads(setup))) is not None
        }
        ended = self.folder, self.setups, of.ratios(), tuple(of.departures), measured, of.rounds
        return SearchOutcome(*ended, reason, self._interrupted)


def _sides(outcome: StageOutcome) -> dict[str, tuple[list[float], str]]:
    """Return for each set-up the whole times of its rounds, and why it has none."""
    most = max(len(run.results) for run in outcome.runs.values())
    return {name: _side(name, run, outcome, most) for name, run in outcome.runs.items()}


def _side(name: str, run: Run, outcome: StageOutcome, cases: int) -> tuple[list[float], str]:
    if outcome.is_cut and len(run.results) < cases:
        return [], ""  # its other cases were cut off
    side = observe(name, [run], metrics=TIMES, paired=True)
    return whole_times(side, outcome.new_tokens), next((failure.cause for failure in side.failures), "")


def _changes_numbers(setup: Setup) -> bool:
    """Return whether a set-up may compute other numbers than float32 in the model's own engine, not compiled."""
    return (setup.dtype, setup.compile, setup.engine) != (_REFERENCE, "none", Setup().engine)


def _without_threads(setup: Setup) -> Setup:
    return replace(setup, threads=1)


def _score(result: BenchmarkResult) -> float | None:
    if result.status is not Status.OK:
        return None
    return next((of.headline.value for of in result.summaries if of.metric == _AGREEMENT), None)
