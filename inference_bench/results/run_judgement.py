"""A new run judged by a history of earlier runs: one verdict per figure, and what else must be told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.prediction_interval import FEWEST_RUNS, Basis, Judgement, allow_for_processes
from inference_bench.errors import RunFormatError
from inference_bench.metrics import METRICS, QUANTILES, Better, title_of
from inference_bench.results.comparable_runs import ComparableRuns, comparable_runs
from inference_bench.results.comparison_sides import items_of, process_values
from inference_bench.results.judged_figure import JudgedFigure, is_exact, judge_figure
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.results.comparison_sides import Slot
    from inference_bench.results.noise_store import Noise
    from inference_bench.results.run_figures import RunFigures

WORSE, SUSPECT = 1, 3
"""Exit codes of a judgement."""
_LISTED = 4


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How a new run is judged.

    Attributes:
        metrics: tags; if empty, the headline metrics of each benchmark.
        margin: changes up to this fraction count as none.
        quantile: which quantile of sampled metrics.
        noise: the A/A floors of this machine, or None if unknown.
        across_machines: whether runs of other machines count.
        problem: called with one line per file that cannot be read.
    """

    metrics: Collection[str] = ()
    margin: float = MARGIN
    quantile: str = "p50"
    noise: Noise | None = None
    across_machines: bool = False
    problem: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class RunJudgement:
    """What a history says of a new run.

    Attributes:
        new: the new run.
        earlier: the runs that it is judged by, oldest first.
        rows: one per figure.
        regressions: cases that earlier runs measured and the new one failed to, one line each.
        notes: sentences on what was left out and why.
        comparisons: figures that share the level.
    """

    new: RunFigures
    earlier: Sequence[RunFigures]
    rows: Sequence[JudgedFigure]
    regressions: Sequence[str] = ()
    notes: Sequence[str] = ()
    comparisons: int = 0

    @property
    def has_verdict(self) -> bool:
        """Whether anything could be judged."""
        return bool(self.regressions) or any(row.judgement is not Judgement.UNKNOWN for row in self.rows)

    @property
    def lacks(self) -> str:
        """What a verdict needs, as a sentence without an end, where nothing could be judged."""
        reasons = dict.fromkeys(row.reason for row in self.rows if row.prediction is not None and row.reason)
        if reasons:
            return "; ".join(reasons)
        if not self.earlier:
            return f"no earlier run of this machine, expected {FEWEST_RUNS} or more"
        return "no earlier run has a case and metric of the new one"

    @property
    def alarms(self) -> Sequence[JudgedFigure]:
        """The rows that speak against the new run."""
        return [row for row in self.rows if row.judgement.is_alarm]

    @property
    def exit_code(self) -> int:
        """1 if a figure is worse or a case fails that did not, 3 if one is suspect, else 0."""
        found = {row.judgement for row in self.rows}
        if self.regressions or Judgement.WORSE in found:
            return WORSE
        return SUSPECT if Judgement.SUSPECT in found else 0


def judge_run(new: RunFigures, history: Sequence[RunFigures], options: JudgeOptions) -> RunJudgement:
    """Judge every figure of a new run by the earlier runs of the same machine.

    Args:
        new: the new run.
        history: in any order; what cannot be compared is left out, and told.
        options: how.
    """
    comparable = comparable_runs(new, history, across_machines=options.across_machines)
    comparisons = sum(not is_exact(slot[2]) and bool(comparable.of(slot)) for slot in new.figures)
    rows = [
        judge_figure(new, slot, comparable, comparisons, margin=options.margin, noise=options.noise)
        for slot in new.figures
    ]
    rows = [_with_processes(row, comparable, options) for row in rows]
    return RunJudgement(
        new=new,
        earlier=comparable.runs,
        rows=rows,
        regressions=tuple(_regressions(new, comparable)),
        notes=(*comparable.notes, *_notes(new, comparable), *_changed_items(rows, new, comparable, options)),
        comparisons=comparisons,
    )


def _with_processes(row: JudgedFigure, comparable: ComparableRuns, options: JudgeOptions) -> JudgedFigure:
    """Return the row, SUSPECT instead of WORSE if many single processes of the earlier runs were as bad."""
    found = row.prediction
    if found is None or found.judgement is not Judgement.WORSE or found.basis is Basis.EXACT:
        return row
    used = [run for run in comparable.runs if row.slot in run.figures][-found.n :]
    values = [value for run in used for value in _processes(run, row.slot, options)]
    higher_is_worse = METRICS[row.metric].better is Better.LOWER
    as_bad = sum(value >= row.value if higher_is_worse else value <= row.value for value in values)
    judged = allow_for_processes(found, as_bad, len(values))
    if judged is found:
        return row
    return replace(row, prediction=judged, reason=f"{as_bad} of {len(values)} processes of earlier runs were as bad")


def _processes(run: RunFigures, slot: Slot, options: JudgeOptions) -> list[float]:
    """Return the figure of each process of a run; none of a line of the plugin's file, and none of scored metrics."""
    result = None if run.run is None else run.run.result_of(slot[0])
    if run.run is None or result is None:
        return []
    try:
        found = list(process_values(run.run, result, QUANTILES[options.quantile]))
    except RunFormatError as error:
        options.problem(str(error))
        return []
    return [value for metric, phase, _, value in found if (metric, phase) == slot[2:] and value is not None]


def _regressions(new: RunFigures, comparable: ComparableRuns) -> Iterator[str]:
    """Name the cases that failed although an earlier run measured them."""
    measured = {case for run in comparable.runs for case, *_ in run.figures}
    for case_id, cause in new.failures.items():
        if case_id in measured:
            yield f"{new.cases[case_id].slug}: {cause}"


def _notes(new: RunFigures, comparable: ComparableRuns) -> Iterator[str]:
    if not new.finished:
        yield "The new run has not ended: cases that it has not measured are not judged."
    for case_id in new.cases:
        failed = sum(case_id in run.failures for run in comparable.runs)
        if failed:
            yield f"{new.cases[case_id].slug}: failed in {counted(failed, 'earlier run')}, which do not count for it."
    known = {case_id for run in comparable.runs for case_id in run.cases}
    added = [case.slug for case_id, case in new.cases.items() if case_id not in known]
    if added and comparable.runs:
        yield f"Not judged, for no earlier run has {_these(added)}."
    latest = comparable.runs[-1].cases if comparable.runs else {}
    missing = [case.slug for case_id, case in latest.items() if case_id not in new.cases]
    if missing and new.finished:
        yield f"Not judged, for the new run lacks what the latest earlier run has: {_listed(missing)}."


def _these(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'case')} of the new one: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _changed_items(
    rows: Sequence[JudgedFigure], new: RunFigures, comparable: ComparableRuns, options: JudgeOptions
) -> Iterator[str]:
    """Tell how many items of a data set have another score than in the latest earlier run."""
    for row in rows:
        earlier = [run for run in comparable.runs if row.slot in run.figures]
        if not is_exact(row.metric) or not earlier:
            continue
        before, after = (_scores(run, row.slot, options) for run in (earlier[-1], new))
        common = before.keys() & after.keys()
        changed = sum(before[item] != after[item] for item in common)
        if changed:
            yield (
                f"{row.case.slug}, {title_of(row.metric)} {row.phase}: {changed} of {len(common)} items have another "
                f"score than in {earlier[-1].id}."
            )


def _scores(run: RunFigures, slot: Slot, options: JudgeOptions) -> Mapping[str, float]:
    """Return the score of each item in the first process."""
    result = None if run.run is None else run.run.result_of(slot[0])
    if run.run is None or result is None:
        return {}
    try:
        found = list(items_of(run.run, result))
    except RunFormatError as error:
        options.problem(str(error))
        return {}
    return {item: score for _, metric, task, item, score, _ in reversed(found) if (metric, task) == slot[2:]}
