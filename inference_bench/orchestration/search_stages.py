"""The stages of a search: how long the set-ups that are left are measured, and their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.analysis.whole_times import TIMES
from inference_bench.orchestration.interleaved import TIME_SPENT, Question, Variant, measure_interleaved
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import BenchmarkResult, Status
from inference_bench.results.run import Run
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

BENCHMARK = "inference_speed"
"""What set-ups are compared by."""
_MOST_STAGES = 7
_FIRST_BUDGET_NS = NS_PER_S // 2
_LONGEST_BUDGET_NS = 2 * NS_PER_S
"""A process costs seconds to start: once a case is measured this long, further rounds tell more than longer ones."""
_SHORT = 8
"""New tokens of a generation in the first stage: longer ones follow from its TTFT and its ITL well enough to tell those
apart that are far from the best."""
_LIMITS = Limits(min_samples=3, warmup_iterations=1, relative_width=0.02)


@dataclass(frozen=True, slots=True)
class Stage:
    """How long the set-ups that are left are measured.

    Attributes:
        rounds: so often.
        budget_ns: for so long per case and round.
        is_short: whether generations of ``_SHORT`` tokens stand for longer ones.
    """

    rounds: int
    budget_ns: int
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What a stage measured.

    Attributes:
        runs: name of a set-up → its run.
        interrupted: whether it was asked to stop.
        is_cut: whether the time ended it before every side was measured in every round.
        new_tokens: for the lengths of which the generations stand, as for ``whole_times``.
    """

    runs: Mapping[str, Run]
    interrupted: bool
    is_cut: bool = False
    new_tokens: tuple[int, ...] = ()


def stages() -> Iterator[Stage]:
    """Yield stages of which each samples about twice as long as the one before."""
    rounds, budget_ns = 1, _FIRST_BUDGET_NS
    for number in range(_MOST_STAGES):
        yield Stage(rounds, budget_ns, is_short=number == 0)
        if budget_ns < _LONGEST_BUDGET_NS:
            budget_ns *= 2
        else:
            rounds *= 2


@dataclass(frozen=True, slots=True)
class StageMeasurement:
    """Measures stages.

    Attributes:
        spec: the model, its weights, and the parameters of ``BENCHMARK``.
        folder: of all runs.
        progress: is told what happens.
        handle_signals: as for ``run_benchmarks``.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
    """

    spec: Spec
    folder: Path
    progress: Progress
    handle_signals: bool
    models_dirs: tuple[Path, ...]
    benchmarks_dirs: tuple[Path, ...]

    async def measure(self, setups: Mapping[str, Setup], stage: Stage, deadline_ns: int) -> StageOutcome:
        """Measure set-ups.

        A single round is one run, in which each set-up loads while another is measured. Several are interleaved.

        Args:
            setups: name → set-up.
            stage: how long.
            deadline_ns: no further case begins after it.
        """
        new_tokens = self._lengths(next(iter(setups.values()))) if stage.is_short else ()
        if stage.rounds > 1:
            specs = {name: self._spec([setup], stage) for name, setup in setups.items()}
            return await self._interleaved(specs, deadline_ns)
        spec = self._spec(list(setups.values()), stage, short=bool(new_tokens))
        return replace(await self._one_round(spec, setups, deadline_ns), new_tokens=new_tokens)

    async def _one_round(self, spec: Spec, setups: Mapping[str, Setup], deadline_ns: int) -> StageOutcome:
        outcome = await run_benchmarks(
            spec,
            output=self.folder,
            models_dirs=self.models_dirs,
            benchmarks_dirs=self.benchmarks_dirs,
            progress=self.progress,
            handle_signals=self.handle_signals,
            deadline_ns=deadline_ns,
        )
        parts = {name: _part(outcome.run, of) for name, of in setups.items()}
        return StageOutcome(parts, outcome.interrupted, outcome.is_cut)

    async def _interleaved(self, specs: Mapping[str, Spec], deadline_ns: int) -> StageOutcome:
        outcome = await measure_interleaved(
            [
                Variant(name, spec, models_dirs=self.models_dirs, benchmarks_dirs=self.benchmarks_dirs)
                for name, spec in specs.items()
            ],
            Question(metrics=TIMES, may_stop=False, cuts_rounds=True),
            output=self.folder,
            time_ns=max(1, deadline_ns - now_ns()),
            progress=self.progress,
            handle_signals=self.handle_signals,
        )
        runs = dict(zip(specs, outcome.runs, strict=True))
        return StageOutcome(runs, outcome.interrupted, outcome.stop_reason == TIME_SPENT)

    def _lengths(self, setup: Setup) -> tuple[int, ...]:
        """Return the new tokens of the cases of a set-up; none unless all generate more than ``_SHORT``."""
        cases = prepare(speed_of(self.spec, [setup]), self.models_dirs, self.benchmarks_dirs).plan.cases
        found = {case.parameters.get("new_tokens", 0) for case in cases if case.parameters.get("view") == "steps"}
        lengths = tuple(sorted(tokens for tokens in found if isinstance(tokens, int)))
        return lengths if lengths and lengths[0] > _SHORT else ()

    def _spec(self, setups: Sequence[Setup], stage: Stage, *, short: bool = False) -> Spec:
        limits = replace(_LIMITS, budget_ns=stage.budget_ns, load_ns=self.spec.limits.load_ns)
        spec = replace(speed_of(self.spec, setups), runs=stage.rounds, limits=limits)
        return replace(spec, axes={**spec.axes, "new_tokens": (_SHORT,)}) if short else spec


def speed_of(spec: Spec, setups: Sequence[Setup]) -> Spec:
    """Return the request for the speed of set-ups, each by one process."""
    what = replace(spec, benchmarks=(BENCHMARK,), suite=None, setups=tuple(setups), runs=1, least_runs=None)
    return replace(what, time_ns=None, slos=(), isolation="process", breakdown=False)


def resolved_setup(result: BenchmarkResult) -> Setup:
    """Return the set-up of a result with what the loaded model took where it had the choice."""
    setup, says = result.case.setup, result.model
    if result.status is not Status.OK:
        return setup
    attention, engine = says.get("attention", setup.attention), says.get("engine", setup.engine)
    return replace(setup, attention=f"{attention}", engine=f"{engine}")


def _part(run: Run, setup: Setup) -> Run:
    """Return a run with the results of one set-up only."""
    return replace(run, results=tuple(result for result in run.results if result.case.setup == setup))
