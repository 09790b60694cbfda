"""Variants measured in turn, A B B A A B B A, each time in fresh workers, until it is settled how they differ.

The two sides of a pair are close in time: what the machine does meanwhile affects both, and cancels in their ratio.
All sides are ordinary runs in one folder; run ``k`` of one side is the partner of run ``k`` of each other one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.analysis.margin import MARGIN
from inference_bench.errors import StorageError, UsageError
from inference_bench.orchestration.catching_up import patiently
from inference_bench.orchestration.detection import PILOT, DetectionPlan, Target, is_reached, plan_ahead, plan_on
from inference_bench.orchestration.inherited_variables import inherited_variables
from inference_bench.orchestration.looks import look_level, looks
from inference_bench.orchestration.planning import Prepared, prepare
from inference_bench.orchestration.progress import Harmless, Progress, Watcher
from inference_bench.orchestration.server_restart import ServerRestart
from inference_bench.orchestration.session import Session
from inference_bench.orchestration.signals import stopped_by_signals
from inference_bench.orchestration.turn_order import turn_order
from inference_bench.provenance.reading import ProvenanceReading
from inference_bench.provenance.record import Provenance
from inference_bench.result import BenchmarkResult
from inference_bench.results.noise_store import Noise
from inference_bench.results.pairing import write_pairing
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_comparison import ComparisonOptions, RunComparison, RunSide, compare_runs
from inference_bench.results.run_folder import create_run_folder, locked
from inference_bench.results.run_group import new_group, on_disk, stores
from inference_bench.results.sink import check_sinks
from inference_bench.results.storage import Folder
from inference_bench.spec import Spec
from inference_bench.units import NS_PER_S

TIME_SPENT = "time spent"
"""Why no further round is measured once the time is over."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the sides.

    Attributes:
        name: for people.
        spec: what to measure; its ``runs`` are the maximum number of rounds.
        environment: variables that this side's workers inherit.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        provenance: label, note and tags, and the commit if the folders are copies of a revision.
        restart: starts its server anew before each of its turns, or None.
    """

    name: str
    spec: Spec
    environment: Mapping[str, str] = field(default_factory=dict)
    models_dirs: tuple[Path, ...] = ()
    benchmarks_dirs: tuple[Path, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    restart: ServerRestart | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the comparison must settle.

    Attributes:
        metrics: tags; all if empty.
        margin: changes up to this fraction count as no change.
        noise: the A/A floors of this machine, or None if unknown.
        may_stop: whether to look meanwhile, and stop once every comparison is settled.
        detect: stop, too, once a change of this fraction would have been detected, or cannot be; None not to.
        cuts_rounds: whether the time ends a round before every side was measured; else it ends with a round.
        least_rounds: rounds that are measured however long they take.
    """

    metrics: Collection[str] = ()
    margin: float = MARGIN
    noise: Noise | None = None
    may_stop: bool = True
    detect: float | None = None
    cuts_rounds: bool = False
    least_rounds: int = 1

    def target(self, variants: Sequence[Variant], time_ns: int) -> Target | None:
        """Return what is to be detected, and what may be spent on it; None if nothing is asked for."""
        if self.detect is None:
            return None
        most = max(variant.spec.runs for variant in variants)
        level = look_level(len(looks(most)))
        return Target(self.detect, self.metrics, self.margin, level, most, time_ns / NS_PER_S)


@dataclass(frozen=True, slots=True)
class AbOutcome:
    """An interleaved measurement that has ended.

    Attributes:
        folder: that holds all runs.
        comparison: each candidate against the baseline.
        runs: of the baseline and of each candidate.
        stop_reason: why no further round was measured.
        interrupted: whether it was asked to stop.
        stored_at: address that all was copied to; empty if none was asked for.
        sink_failure: why that is not complete, and what to do; empty if it is.
    """

    folder: Path
    comparison: RunComparison
    runs: tuple[Run, ...]
    stop_reason: str
    interrupted: bool
    stored_at: str = ""
    sink_failure: str = ""


async def measure_interleaved(
    variants: Sequence[Variant],
    question: Question,
    *,
    output: Folder,
    time_ns: int,
    progress: Progress | None = None,
    handle_signals: bool = False,
) -> AbOutcome:
    """Measure variants in turn until it is settled how each differs from the first, or rounds or time run out.

    Args:
        variants: the baseline, then one or more candidates.
        question: what the comparison must settle.
        output: where the folder of all runs is created; for an address on a store, as for ``run_benchmarks``.
        time_ns: no further round begins after this long.
        progress: is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.

    Raises:
        UsageError: something asked for does not exist, is not allowed, or cannot be detected; nothing was measured.
    """
    progress = Harmless(progress or Progress())
    group = new_group(output, "ab")
    check_sinks(stores(group))
    variants = [replace(variant, spec=_alone(variant.spec)) for variant in variants]
    readings = [ProvenanceReading(of.provenance, [*of.models_dirs, *of.benchmarks_dirs]) for of in variants]
    prepared = [await _prepared(of) for of in variants]
    target = question.target(variants, time_ns)
    if target is not None:
        progress.message(_announced(plan_ahead(target, question.noise, prepared)))
    async with AsyncExitStack() as stack:
        turns: list[_Turn] = []
        for variant, ready, reading in zip(variants, prepared, readings, strict=True):
            run_folder = create_run_folder(on_disk(group))
            stack.enter_context(locked(run_folder))
            watcher = Watcher(progress) if not turns else Progress()
            session = Session(variant.spec, ready, run_folder, watcher, reading.result(), sinks=stores(group))
            await stack.enter_async_context(session)
            results = await stack.enter_async_context(aclosing(session.measure_plan()))
            turns.append(_Turn(variant, session, results, ready.plan.runs))
        with stopped_by_signals(*(turn.session.stop_after_case for turn in turns), enabled=handle_signals):
            measured = _Rounds(group, turns, question, progress, target)
            reason = await measured.measure(now_ns() + time_ns)
    outcome = await measured.outcome(reason)
    progress.close()
    return outcome


async def _prepared(variant: Variant) -> Prepared:
    """Return the plan of a side, whose server is started first: it says what it serves."""
    if variant.restart is not None:
        await variant.restart.carry_out(variant.spec.models)
    return prepare(variant.spec, variant.models_dirs, variant.benchmarks_dirs)


def _announced(plan: DetectionPlan) -> str:
    """Return what a plan takes.

    Raises:
        UsageError: more than the limits allow.
    """
    if plan.hopeless:
        raise UsageError(f"--detect: {plan.sentence}. Nothing was measured.")
    return plan.sentence


def _alone(spec: Spec) -> Spec:
    """Return the spec without loading ahead: the other side is measured meanwhile."""
    return replace(spec, overlap="off", lookahead=0)


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
        with inherited_variables(self.variant.environment):
            await self.session.measure_floor()

    async def take(self, number: int) -> None:
        """Start the side's server anew if it has a way to, then measure run ``number`` of every case that has one.

        Raises:
            EndpointError: the server did not come back.
        """
        if self.variant.restart is not None:
            await self.variant.restart.carry_out(self.variant.spec.models)
        with inherited_variables(self.variant.environment):
            for _ in range(sum(number < runs for runs in self.runs.values())):
                result = await anext(self.results, None)
                if result is None:
                    return
                self.session.write(result)

    @property
    def folder(self) -> Path:
        """Where this side's run is written."""
        return self.session.folder


class _Rounds:
    """The rounds of all variants, and what they say so far; a round has one pair of each candidate."""

    def __init__(
        self, group: Folder, turns: Sequence[_Turn], question: Question, progress: Progress, target: Target | None
    ) -> None:
        self._group = group
        self._target = target
        self._turns = turns
        self._question = question
        self._progress = progress
        self._most = max(max(turn.runs.values(), default=0) for turn in turns)
        self._looks = looks(self._most) if question.may_stop and self._most else [self._most]
        self._level = look_level(len(self._looks))
        self._rounds = 0
        self._told: int | None = None

    async def measure(self, deadline_ns: int) -> str:
        """Measure rounds and return why no further one is measured."""
        for turn in self._turns:
            await turn.begin()
        reason = await self._take_rounds(deadline_ns)
        for turn in self._turns:
            await turn.session.finish()
        return reason

    async def _take_rounds(self, deadline_ns: int) -> str:
        began_ns = now_ns()
        for number in range(self._most):
            order = [self._turns[place] for place in turn_order(len(self._turns), number)]
            names = " then ".join(turn.variant.name for turn in order)
            self._progress.message(f"{self._noun} {number + 1} of at most {self._most}: {names}")
            for place, turn in enumerate(order):
                if self._question.cuts_rounds and number + place and now_ns() >= deadline_ns:
                    return TIME_SPENT
                await turn.take(number)
                if turn.session.stopping:
                    return "interrupted"
            self._rounds = number + 1
            self._describe("not ended", on_disk(self._group))
            if self._question.may_stop and self._rounds in self._looks and (found := self.compared()).is_settled:
                return _settled(found)
            if reason := self._detected((now_ns() - began_ns) / NS_PER_S / self._rounds):
                return reason
            if now_ns() >= deadline_ns and self._question.least_rounds <= self._rounds < self._most:
                return TIME_SPENT
        found = self.compared()
        return _settled(found) if found.is_settled else f"limit of {self._noun}s reached"

    def _detected(self, round_s: float) -> str:
        """Return why it makes no sense to measure further for what is to be detected; empty if it does."""
        if self._target is None or self._rounds < PILOT:
            return ""
        compared = self.compared()
        if is_reached(self._target, compared):
            return f"a change of {100 * self._target.change:.3g} % would have been detected"
        plan = plan_on(self._target, compared, round_s)
        if plan.hopeless:
            return plan.sentence
        if plan.found is not None and plan.found.pairs != self._told:
            self._progress.message(plan.sentence)
        self._told = None if plan.found is None else plan.found.pairs
        return ""

    @property
    def _noun(self) -> str:
        return "pair" if len(self._turns) == 2 else "round"

    def compared(self) -> RunComparison:
        """Compare each candidate with the baseline by the rounds measured so far."""
        sides = [RunSide(turn.variant.name, (load_run(turn.folder),)) for turn in self._turns]
        of = self._question
        return compare_runs(
            sides, ComparisonOptions(of.metrics, of.margin, noise=of.noise, paired=True, level=self._level)
        )

    async def outcome(self, reason: str) -> AbOutcome:
        """Return how the measurement ended."""
        self._describe(reason, on_disk(self._group))
        runs = tuple(load_run(turn.folder) for turn in self._turns)
        folder, addresses = on_disk(self._group), stores(self._group)
        failure = await self._missing(reason)
        ended = folder, self.compared(), runs, reason, reason == "interrupted"
        return AbOutcome(*ended, "".join(addresses), failure)

    async def _missing(self, reason: str) -> str:
        """Let the store know how the sides belong together; return what it lacks, and why."""

        async def describe() -> None:
            self._describe(reason, self._group)

        failures = [turn.session.sink_failure for turn in self._turns]
        try:
            await patiently(describe, self._progress.warn)
        except StorageError as error:
            failures.append(str(error))
        return " ".join(dict.fromkeys(filter(None, failures)))

    def _describe(self, reason: str, folder: Folder) -> None:
        write_pairing(
            folder,
            [turn.variant.name for turn in self._turns],
            [turn.folder.name for turn in self._turns],
            self._level,
            order="ABBA" if len(self._turns) == 2 else "Williams square, each row followed by its reverse",
            pairs=self._rounds,
            looks=self._looks,
            stop_reason=reason,
            environments=[dict(turn.variant.environment) for turn in self._turns],
        )


def _settled(found: RunComparison) -> str:
    return "settled, but for work that was not equal" if found.is_withheld else "settled"
