"""From run folders to the sides of a comparison: one number for each fresh process, metric, phase and case."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference_bench.analysis.observations import Observations, Process, Side
from inference_bench.analysis.quantiles import needed_samples, quantile
from inference_bench.analysis.trust.case import case_grade
from inference_bench.errors import RunFormatError
from inference_bench.metrics import unit_of
from inference_bench.result import Stage

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_PAGE_BYTES = 4096
"""The kernel counts resident memory in pages."""

Slot = tuple[str, str, str]
"""Case id, metric and phase."""


def observe(
    name: str,
    runs: Sequence[Run],
    *,
    p: float = 0.5,
    metrics: Collection[str] = (),
    paired: bool = False,
    problem: Callable[[str], None] = lambda _: None,
) -> Side:
    """Read a side: of each process and metric the quantile of its measured samples, of scored metrics the items.

    Args:
        name: of the side, for people.
        runs: its folders; their processes count alike.
        p: which quantile of a process's samples stands for it.
        metrics: only these; all if empty.
        paired: whether process ``k`` of folder ``i`` of this side ran next to that of the other.
        problem: told what could not be read.
    """
    values: dict[Slot, dict[Process, float]] = {}
    scores: dict[Slot, dict[str, tuple[float, float]]] = {}
    resolutions: dict[Slot, float] = {}
    cases: dict[str, Case] = {}
    failures: dict[str, tuple[Case, str]] = {}
    grades: dict[str, str] = {}
    for position, run in enumerate(runs):
        session = str(position) if paired else run.record.id
        for result in run.results:
            cases[result.case.id] = result.case
            judged = case_grade(result, run.record)
            grades[result.case.id] = max(grades.get(result.case.id, ""), judged.letter if judged else "")
            if result.status.is_finding:
                failures[result.case.id] = result.case, _cause(result)
            try:
                for metric, phase, process, value in _process_values(run, result, p):
                    if metrics and metric not in metrics:
                        continue
                    slot = result.case.id, metric, phase
                    values.setdefault(slot, {})[session, process] = value
                    resolutions[slot] = max(resolutions.get(slot, 0.0), _resolution(metric, run))
                for metric, task, item, score, weight in _items(run, result):
                    if not (math.isfinite(score) and math.isfinite(weight) and weight > 0):
                        problem(f"{run.folder}: {task} {item}: {metric} is {score} (weight {weight}): left out")
                    elif not metrics or metric in metrics:
                        scores.setdefault((result.case.id, metric, task), {}).setdefault(item, (score, weight))
            except RunFormatError as error:
                problem(str(error))
                failures[result.case.id] = result.case, str(error)
    found = tuple(
        Observations(
            case=cases[slot[0]],
            metric=slot[1],
            phase=slot[2],
            values=values.get(slot, {}),
            scores=scores.get(slot, {}),
            resolution=resolutions.get(slot, 0.0),
            grade=grades[slot[0]],
        )
        for slot in {**values, **scores}
    )
    return Side(name, found, tuple(failures.values()))


def _cause(result: BenchmarkResult) -> str:
    cause = f": {result.failure.cause}" if result.failure else ""
    return f"{result.status.value}{cause}"


def _resolution(metric: str, run: Run) -> float:
    unit = unit_of(metric)
    if unit == "bytes":
        return _PAGE_BYTES
    return float(run.record.clock.get("resolution_ns", 0.0)) if unit == "ns" else 0.0


def _process_values(run: Run, result: BenchmarkResult, p: float) -> Iterator[tuple[str, str, int, float]]:
    """Yield metric, phase, run number and quantile, where the samples can support it."""
    if (run.files.get(result.case.id) or {}).get("samples") is None:
        return
    table = run.samples(result)
    stage, metric, phase, process, value = (
        _column(table, name) for name in ("stage", "metric", "phase", "run", "value")
    )
    measured = stage == Stage.MEASURED.value
    for tag, of_metric in _groups(metric, np.flatnonzero(measured)):
        for name, of_phase in _groups(phase, of_metric):
            for number, rows in _groups(process, of_phase):
                if p == 0.5 or len(rows) >= needed_samples(p):
                    yield tag, name, number, quantile(np.sort(value[rows]), p)


def _items(run: Run, result: BenchmarkResult) -> Iterator[tuple[str, str, str, float, float]]:
    """Yield metric, task, item, score and weight; of a task scored more than once, the first run counts."""
    if (run.files.get(result.case.id) or {}).get("scores") is None:
        return
    table = run.scores(result)
    names = ("run", "metric", "task", "item", "value", "weight")
    columns = [table.column(name).to_pylist() for name in names]
    for _, metric, task, item, score, weight in sorted(zip(*columns, strict=True), key=lambda row: int(row[0])):
        yield metric, task, item, score, weight


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    found: NDArray[np.generic] = table.column(name).to_numpy()
    return found


def _groups(column: NDArray[np.generic], rows: NDArray[np.intp]) -> Iterator[tuple[Any, NDArray[np.intp]]]:
    """Yield each different value of the column among these rows, with its rows."""
    cells = column[rows]
    for value in dict.fromkeys(cells.tolist()):
        yield value, rows[cells == value]
