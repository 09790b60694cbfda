"""Two variants measured in turn, A B B A A B B A, each time in fresh workers, until it is settled which is faster.

The two sides of a pair are close in time: what the machine does meanwhile affects both, and cancels in their ratio.
Both sides are ordinary runs in one folder; run ``k`` of one side is the partner of run ``k`` of the other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.analysis.margin import MARGIN
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Harmless, Progress
from inference_bench.orchestration.session import Session
from inference_bench.orchestration.signals import stopped_by_signals
from inference_bench.result import BenchmarkResult
from inference_bench.results.noise_store import Noise
from inference_bench.results.pairing import write_pairing
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_comparison import ComparisonOptions, RunComparison, RunSide, compare_runs
from inference_bench.results.run_folder import create_run_folder, locked
from inference_bench.spec import Spec

FIRST_LOOK = 10
"""Pairs before the first look: fewer rarely reach a strict level."""
_GROWTH = 2**0.5
_POCOCK = (0.05, 0.0294, 0.0221, 0.0182, 0.0158, 0.0142, 0.0130, 0.0120, 0.0112, 0.0106)
"""Two-sided level of each of 1, 2, … looks whose joint error is 5 % (Pocock, Biometrika 64, 1977, table 1)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the two sides.

    Attributes:
        name: for people.
        spec: what to measure; its ``runs`` are the maximum number of pairs.
        environment: variables that this side's workers inherit.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
    """

    name: str
    spec: Spec
    environment: Mapping[str, str] = field(default_factory=dict)
    models_dirs: tuple[Path, ...] = ()
    benchmarks_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What the comparison must settle.

    Attributes:
        metrics: tags; all if empty.
        margin: changes up to this fraction count as no change.
        noise: the A/A floors of this machine, or None if unknown.
        may_stop: whether to look meanwhile, and stop once every comparison has a verdict.
    """

    metrics: Collection[str] = ()
    margin: float = MARGIN
    noise: Noise | None = None
    may_stop: bool = True


@dataclass(frozen=True, slots=True)
class AbOutcome:
    """An interleaved measurement that has ended.

    Attributes:
        folder: that holds both runs.
        comparison: B against A.
        runs: A's and B's.
        stop_reason: why no further pair was measured.
        interrupted: whether it was asked to stop.
    """

    folder: Path
    comparison: RunComparison
    runs: tuple[Run, Run]
    stop_reason: str
    interrupted: bool


def looks(pairs: int) -> list[int]:
    """Return the numbers of pairs after which to look: each √2 times the one before, the last at the end.

    >>> looks(40)
    [14, 20, 28, 40]
    """
    found = [pairs]
    while found[0] / _GROWTH >= FIRST_LOOK and len(found) < len(_POCOCK):
        found.insert(0, round(found[0] / _GROWTH))
    return found


def look_level(count: int) -> float:
    """Return the confidence level of each of ``count`` looks whose joint level is ``LEVEL``."""
    return 1 - _POCOCK[count - 1]


async def measure_interleaved(
    first: Variant,
    second: Variant,
    question: Question,
    *,
    output: Path,
    time_ns: int,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> AbOutcome:
    """Measure two variants in turn until it is settled which is better, or pairs or time run out.

    Args:
        first: A.
        second: B.
        question: what the comparison must settle.
        output: where the folder of both runs is created.
        time_ns: no further pair begins after this long.
        progress: is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    progress = Harmless(progress or Progress())
    folder = output / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-ab"
    variants = [replace(variant, spec=_alone(variant.spec)) for variant in (first, second)]
    prepared = [prepare(of.spec, of.models_dirs, of.benchmarks_dirs) for of in variants]
    async with AsyncExitStack() as stack:
        turns: list[_Turn] = []
        for variant, ready in zip(variants, prepared, strict=True):
            run_folder = create_run_folder(folder)
            stack.enter_context(locked(run_folder))
            watcher = _Watcher(progress) if not turns else Progress()
            session = await stack.enter_async_context(Session(variant.spec, ready, run_folder, watcher))
            results = await stack.enter_async_context(aclosing(session.measure_plan()))
            turns.append(_Turn(variant, session, results, ready.plan.runs))
        with stopped_by_signals(*(turn.session.stop_after_case for turn in turns), enabled=handle_signals):
            measured = _Pairs(folder, turns[0], turns[1], question, progress)
            reason = await measured.measure(now_ns() + time_ns)
    progress.close()
    return measured.outcome(reason)


def _alone(spec: Spec) -> Spec:
    """Return the spec without loading ahead: the other side is measured meanwhile."""
    return replace(spec, overlap="off", lookahead=0)


class _Watcher(Progress):
    """Passes on messages and warnings, which both sides repeat, from one side only."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def message(self, text: str) -> None:
        """Pass on a message."""
        self._progress.message(text)

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._progress.warn(text)


@dataclass(slots=True)
class _Turn:
    """One side while it is measured."""

    variant: Variant
    session: Session
    results: AsyncIterator[BenchmarkResult]
    runs: Mapping[str, int]

    async def begin(self) -> None:
        """Write what is known, fetch weights, measure the floor."""
        self.session.begin()
        await self.session.fetch_weights()
        with _environment(self.variant.environment):
            await self.session.measure_floor()

    async def take(self, number: int) -> None:
        """Measure run ``number`` of every case that has one."""
        with _environment(self.variant.environment):
            for _ in range(sum(number < runs for runs in self.runs.values())):
                result = await anext(self.results, None)
                if result is None:
                    return
                self.session.write(result)

    @property
    def folder(self) -> Path:
        """Where this side's run is written."""
        return self.session.folder


class _Pairs:
    """The pairs of two sides, and what they say so far."""

    def __init__(self, folder: Path, first: _Turn, second: _Turn, question: Question, progress: Progress) -> None:
        self._folder = folder
        self._turns = first, second
        self._question = question
        self._progress = progress
        self._most = max(max(turn.runs.values(), default=0) for turn in self._turns)
        self._looks = looks(self._most) if question.may_stop and self._most else [self._most]
        self._level = look_level(len(self._looks))
        self._pairs = 0

    async def measure(self, deadline_ns: int) -> str:
        """Measure pairs and return why no further one is measured."""
        for turn in self._turns:
            await turn.begin()
        reason = await self._take_pairs(deadline_ns)
        for turn in self._turns:
            turn.session.finish()
        return reason

    async def _take_pairs(self, deadline_ns: int) -> str:
        for number in range(self._most):
            order = self._turns if number % 2 == 0 else self._turns[::-1]
            names = " then ".join(turn.variant.name for turn in order)
            self._progress.message(f"pair {number + 1} of at most {self._most}: {names}")
            for turn in order:
                await turn.take(number)
                if turn.session.stopping:
                    return "interrupted"
            self._pairs = number + 1
            self._describe("not ended")
            if self._question.may_stop and self._pairs in self._looks and self.compared().is_settled:
                return "settled"
            if now_ns() >= deadline_ns and self._pairs < self._most:
                return "time spent"
        return "settled" if self.compared().is_settled else "limit of pairs reached"

    def compared(self) -> RunComparison:
        """Compare B with A by the pairs measured so far."""
        sides = [RunSide(turn.variant.name, (load_run(turn.folder),)) for turn in self._turns]
        of = self._question
        return compare_runs(
            sides, ComparisonOptions(of.metrics, of.margin, noise=of.noise, paired=True, level=self._level)
        )

    def outcome(self, reason: str) -> AbOutcome:
        """Return how the measurement ended."""
        self._describe(reason)
        runs = load_run(self._turns[0].folder), load_run(self._turns[1].folder)
        return AbOutcome(self._folder, self.compared(), runs, reason, reason == "interrupted")

    def _describe(self, reason: str) -> None:
        write_pairing(
            self._folder,
            (self._turns[0].variant.name, self._turns[1].variant.name),
            (self._turns[0].folder.name, self._turns[1].folder.name),
            self._level,
            order="ABBA",
            pairs=self._pairs,
            looks=self._looks,
            stop_reason=reason,
            environments=[dict(turn.variant.environment) for turn in self._turns],
        )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the workers that start in this block: they inherit this process's environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
