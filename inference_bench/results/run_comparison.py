"""Runs compared with runs: sides are found, their runs read, and each candidate compared with the baseline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from itertools import islice
from pathlib import Path

from inference_bench.analysis.comparison import Contest, compare_all
from inference_bench.analysis.comparison_result import Comparison, Comparisons
from inference_bench.analysis.environment_differences import Difference, environment_differences
from inference_bench.analysis.equal_work import lines_on_engines
from inference_bench.analysis.margin import MARGIN, no_aa_floor
from inference_bench.analysis.observations import Side
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.errors import UsageError
from inference_bench.result import BenchmarkResult
from inference_bench.results.comparison_sides import observe
from inference_bench.results.discovery import find_folders, open_runs
from inference_bench.results.ended_shares import open_ended_runs
from inference_bench.results.floor_sentence import floor_sentence
from inference_bench.results.machine_sentences import lines_on_machines
from inference_bench.results.machines import machine_names, names_of, sweep_of
from inference_bench.results.noise_store import Noise
from inference_bench.results.pairing import PairedRuns, pairing_of, read_pairing
from inference_bench.results.run import Run
from inference_bench.results.selectors import is_path
from inference_bench.results.unequal_work import UnequalWork


@dataclass(frozen=True, slots=True)
class RunSide:
    """One of the things compared.

    Attributes:
        name: for people.
        runs: their processes count together.
        machines: name of the machine of each run, as ``with_machines`` sets it.
    """

    name: str
    runs: tuple[Run, ...]
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """How sides are compared.

    Attributes:
        metrics: tags; all if empty.
        margin: changes up to this fraction count as none.
        p: which quantile of a process's samples stands for it.
        noise: the A/A floors of this machine, or None if unknown.
        paired: whether process ``k`` of run ``i`` of one side ran next to that of the other; None if the folders of
            the runs say so.
        level: confidence level of the intervals; None for that of the pairing, else ``LEVEL``.
        problem: called with one line per case that cannot be read.
        by: the only field in which cases may differ, as in ``Contest``.
        in_rounds: as in ``Comparisons``.
        across_machines: whether sides that have no machine in common are compared.
    """

    metrics: Collection[str] = ()
    margin: float = MARGIN
    p: float = 0.5
    noise: Noise | None = None
    paired: bool | None = None
    level: float | None = None
    problem: Callable[[str], None] = lambda _: None
    by: str | None = None
    in_rounds: bool = False
    across_machines: bool = False


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Each candidate against the baseline.

    Attributes:
        compared: one per candidate.
        observed: what was read of the baseline and of each candidate.
        differences: of each candidate's environment from the baseline's.
        noise: the A/A floors that were used, or None if unknown.
        on_engines: what comparisons of engines rest on, one line each; empty with one engine.
        on_machines: what comparisons of several machines rest on, one line each; empty with one machine.
    """

    compared: tuple[Comparisons, ...]
    observed: tuple[tuple[Side, Side], ...]
    differences: tuple[tuple[Difference, ...], ...]
    noise: Noise | None
    on_engines: tuple[str, ...] = ()
    on_machines: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Comparison, ...]:
        """All comparisons of all candidates."""
        return tuple(row for found in self.compared for row in found.rows)

    @property
    def unrelated(self) -> Mapping[int, str]:
        """Position of each candidate without anything to compare with the baseline → why, as a sentence without an end.

        There may be no case in common, or nothing of a common case that can be compared as asked.
        """
        empty = (at for at, found in enumerate(self.compared) if not found.rows and not found.regressions)
        return {at: _why_nothing(*self.observed[at]) for at in empty}

    @property
    def is_settled(self) -> bool:
        """Whether every comparison that further runs can settle is settled."""
        return all(found.is_settled for found in self.compared)

    @property
    def is_worse(self) -> bool:
        """Whether a candidate is worse than the baseline beyond the margin, or fails where the baseline did not."""
        return any(found.is_worse for found in self.compared)

    @property
    def is_withheld(self) -> bool:
        """Whether a verdict is withheld, because the work of two engines was not equal."""
        return any(found.is_withheld for found in self.compared)

    @property
    def exit_code(self) -> int:
        """1 if a candidate is worse or fails, 3 if a verdict is withheld, else 0."""
        return 1 if self.is_worse else 3 if self.is_withheld else 0

    @property
    def remarks(self) -> list[str]:
        """What the comparison rests on, for readers: machines, engines, and how well the noise is known."""
        return [*self.on_machines, *self.on_engines, self.floor_sentence]

    @property
    def floor_sentence(self) -> str:
        """How well the noise of this machine is known."""
        return floor_sentence(self.noise, self.compared)


def _why_nothing(before: Side, after: Side) -> str:
    left_out = [line for side in (before, after) if (line := side.everything_left_out)]
    if left_out:
        return f"nothing of {before.name} and {after.name} can be compared: {left_out[0]}"
    if not before.observations or not after.observations:
        empty = before if not before.observations else after
        failed = f": {empty.failures[0].cause}" if empty.failures else ""
        return f"{empty.name} has no figure of the metrics asked for{failed}"
    if told_apart := _no_common_machine(before.name, _machines(before), after.name, _machines(after)):
        return told_apart
    return f"{before.name} and {after.name} have no case with a metric in common"


def _machines(side: Side) -> set[str]:
    return {of.machine for of in side.observations}


def read_sides(places: Sequence[str], problem: Callable[[str], None], root: Path | None = None) -> list[RunSide]:
    """Read the sides that the arguments name; a single one names a folder that an interleaved measurement wrote.

    Args:
        places: each a run's folder, a folder of runs, a pattern, or a selector.
        problem: called with one line per run that cannot be read, or is in progress.
        root: folder of the runs that a selector names; None for that of ``run``.

    Raises:
        UsageError: there is one side only, or none.
        RunFormatError: a side has no readable run.
    """
    if not places:
        raise UsageError(
            "no run to compare: expected two, such as `compare latest~1 latest` (the run before the newest as the "
            "baseline, and the newest), a folder that `ab` wrote, or one run with --by AXIS."
        )
    if len(places) == 1:
        folders = find_folders(places[0], root)
        pairing = read_pairing(folders[0]) if len(folders) == 1 else None
        if pairing is None:
            raise UsageError(
                f"one side only ({places[0]}): expected two or more, a folder that `ab` wrote, or --by AXIS."
            )
        sides = zip(pairing.names, pairing.folders, strict=True)
        return [RunSide(name, tuple(open_runs(folder, problem))) for name, folder in sides]
    return [_side(place, tuple(open_ended_runs(place, problem, root))) for place in places]


def _side(place: str, runs: tuple[Run, ...]) -> RunSide:
    """Return a side; one that a selector named bears its run's id, because ``latest`` is another run tomorrow."""
    if is_path(place) or has_magic(place):
        return RunSide(place, runs)
    ids = {sweep_of(run.record) or run.record.id for run in runs}
    which = ids.pop() if len(ids) == 1 else f"{len(runs)} runs"
    return RunSide(which if which.startswith(place) else f"{place} ({which})", runs)


def check_common_machine(sides: Sequence[RunSide]) -> None:
    """Refuse a baseline that was measured on no machine of any other side.

    Raises:
        UsageError: the machines would be compared, too.
    """
    baseline, *candidates = with_machines(sides)
    refusals = [_no_common_machine(baseline.name, baseline.machines, of.name, of.machines) for of in candidates]
    if all(refusals):
        advice = "Measure both on the same machines, or add --across-machines."
        raise UsageError(f"{refusals[0]}; a difference of the machines would look like a change. {advice}")


def _no_common_machine(first: str, machines: Collection[str], other: str, theirs: Collection[str]) -> str:
    """Return that two sides have no machine in common, as a sentence without an end; empty if they have one."""
    if not set(machines).isdisjoint(theirs):
        return ""
    return f"no machine in common: {first} was measured on {names_of(machines)}, and {other} on {names_of(theirs)}"


def with_machines(sides: Sequence[RunSide]) -> list[RunSide]:
    """Return the sides with the name of the machine of each run; equal names are one machine."""
    names = iter(machine_names([run for side in sides for run in side.runs]))
    return [replace(side, machines=tuple(islice(names, len(side.runs)))) for side in sides]


def compare_runs(sides: Sequence[RunSide], options: ComparisonOptions) -> RunComparison:
    """Compare each side with the first, case by case.

    Args:
        sides: the baseline, then the candidates.
        options: how.
    """
    baseline, *candidates = with_machines(sides)
    pairings = [_pairing(baseline, candidate, options) for candidate in candidates]
    contests = [
        _contest(baseline, candidate, options, paired=options.paired or pairing is not None)
        for candidate, pairing in zip(candidates, pairings, strict=True)
    ]
    strictest = max([LEVEL, *(pairing.level for pairing in pairings if pairing is not None)])
    compared = tuple(compare_all(contests, margin=options.margin, level=options.level or strictest))
    return RunComparison(
        compared=compared,
        observed=tuple((contest.before, contest.after) for contest in contests),
        differences=tuple(_differences(baseline, candidate) for candidate in candidates),
        noise=options.noise,
        on_engines=tuple(lines_on_engines([result for side in sides for result in _results(side)])),
        on_machines=tuple(_on_machines(compared, contests)),
    )


def _pairing(baseline: RunSide, candidate: RunSide, options: ComparisonOptions) -> PairedRuns | None:
    return pairing_of(baseline.runs, candidate.runs) if options.paired is None else None


def _contest(baseline: RunSide, candidate: RunSide, options: ComparisonOptions, *, paired: bool) -> Contest:
    told_apart = len({*baseline.machines, *candidate.machines}) > 1
    before, after = (_observe(side, options, paired=paired, told_apart=told_apart) for side in (baseline, candidate))
    in_turn = paired or options.in_rounds
    floor = no_aa_floor if options.noise is None else options.noise.floor(paired=in_turn)
    unequal = UnequalWork(_results(baseline), _results(candidate)).reasons
    across = options.across_machines and set(baseline.machines).isdisjoint(candidate.machines)
    return Contest(before, after, floor, paired, options.in_rounds, options.by, unequal, across)


def _on_machines(compared: Sequence[Comparisons], contests: Sequence[Contest]) -> Iterator[str]:
    """Yield what the comparisons rest on, each sentence once."""
    lines = [
        line
        for found, contest in zip(compared, contests, strict=True)
        for line in lines_on_machines(found, contest.before, contest.after)
    ]
    yield from dict.fromkeys(lines)


def _results(side: RunSide) -> list[BenchmarkResult]:
    return [result for run in side.runs for result in run.results]


def _observe(side: RunSide, options: ComparisonOptions, *, paired: bool, told_apart: bool) -> Side:
    return observe(
        side.name,
        side.runs,
        p=options.p,
        metrics=options.metrics,
        paired=paired,
        machines=side.machines if told_apart else (),
        problem=options.problem,
    )


def _differences(before: RunSide, after: RunSide) -> tuple[Difference, ...]:
    """Return what differs in the environments, and in the weights of the models that both sides have."""
    left, right = _weights(before), _weights(after)
    both = left.keys() & right.keys()

    def facts(side: RunSide, weights: Mapping[str, set[str]]) -> list[Mapping[str, object]]:
        shared = {name: " and ".join(sorted(weights[name])) for name in both}
        return [*(run.record.environment for run in side.runs), {"weights": shared}]

    return environment_differences(facts(before, left), facts(after, right))


def _weights(side: RunSide) -> dict[str, set[str]]:
    """Return model → the weights that its figures on this side come from: two models may have one name."""
    found: dict[str, set[str]] = {}
    for result in _results(side):
        weights = result.model.get("weights")
        if isinstance(weights, Mapping) and weights.get("digest"):
            found.setdefault(result.case.model, set()).add(f"sha256 {str(weights['digest'])[:12]}")
    return found
