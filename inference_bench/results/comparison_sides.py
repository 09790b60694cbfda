"""From runs to one side of a comparison: one number per fresh process, metric, phase and case."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from inference_bench.analysis.observations import CaseFailure, Observations, Process, Side
from inference_bench.analysis.quantiles import needed_samples, quantile
from inference_bench.analysis.score_summaries import score_estimate
from inference_bench.errors import RunFormatError
from inference_bench.metrics import (
    ROUNDING_NATS,
    Statistic,
    is_measured_anew,
    is_of_client,
    statistic_of,
    title_of,
    unit_of,
)
from inference_bench.result import Stage

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_PAGE_BYTES = 4096
"""Page size of machines whose runs were stored before the environment named it."""

Slot = tuple[str, str, str, str]
"""Case id, random weights (see ``BenchmarkResult``), metric and phase."""

Items = dict[str, tuple[float, float]]
"""Item → score and weight, in order."""

T = TypeVar("T", str, int)


def observe(
    name: str,
    runs: Sequence[Run],
    *,
    p: float = 0.5,
    metrics: Collection[str] = (),
    paired: bool = False,
    machines: Sequence[str] = (),
    problem: Callable[[str], None] = lambda _: None,
) -> Side:
    """Read a side: per process and metric the quantile of its measured samples, and the items of scored metrics.

    Args:
        name: of the side, for people.
        runs: its runs; their processes count together.
        p: which quantile of a process's samples stands for it.
        metrics: only these; all if empty.
        paired: whether process ``k`` of run ``i`` of this side ran next to that of the other.
        machines: name of each run's machine, where these are told apart; a figure is then of one machine.
        problem: called with one line per case or item that cannot be read.
    """
    readings: dict[str, _Reading] = {}
    for position, run in enumerate(runs):
        machine = machines[position] if machines else ""
        reading = readings.setdefault(machine, _Reading(p, metrics, problem, machine))
        session = str(position) if paired else run.record.id
        for result in run.results:
            reading.add(run, result, session)
    return Side(
        name,
        observations=tuple(of for reading in readings.values() for of in reading.observations()),
        failures=tuple(of for reading in readings.values() for of in reading.failures.values()),
        left_out=tuple(dict.fromkeys(line for reading in readings.values() for line in reading.left_out())),
    )


@dataclass(slots=True)
class _Reading:
    """What has been read of a side on one machine so far."""

    p: float
    metrics: Collection[str]
    problem: Callable[[str], None]
    machine: str
    values: dict[Slot, dict[Process, float]] = field(default_factory=dict)
    scores: dict[Slot, dict[Process, Items]] = field(default_factory=dict)
    resolutions: dict[Slot, float] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    failures: dict[str, CaseFailure] = field(default_factory=dict)
    grades: dict[str, str] = field(default_factory=dict)
    short: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, run: Run, result: BenchmarkResult, session: str) -> None:
        """Add one case of one run."""
        case = result.case
        self.cases[case.id] = case
        letter = result.grade.letter if result.grade else ""
        self.grades[case.id] = max(self.grades.get(case.id, ""), letter)
        if result.status.is_finding:
            self.failures[case.id] = CaseFailure(case, _cause(result), self.machine)
        try:
            self._add_values(run, result, session)
            self._add_scores(run, result, session)
        except RunFormatError as error:
            self.problem(str(error))
            self.failures[case.id] = CaseFailure(case, str(error), self.machine)

    def observations(self) -> Iterator[Observations]:
        """Yield everything read."""
        for slot, of_processes in self.scores.items():
            if is_measured_anew(metric := slot[2]):
                self.values[slot] = dict(_figures(metric, of_processes))
        yield from map(self._of, {**self.values, **self.scores})

    def left_out(self) -> Iterator[str]:
        """Yield what was read but cannot be compared as asked, one line each."""
        for slug, metrics in self.short.items():
            why = f"too few samples per process for p{100 * self.p:g} (needs {needed_samples(self.p):,})"
            yield f"{slug}: {why}: {', '.join(map(title_of, metrics))}"

    def _add_values(self, run: Run, result: BenchmarkResult, session: str) -> None:
        for metric, phase, process, value in process_values(run, result, self.p):
            if not self._is_wanted(metric):
                continue
            if value is None:
                self.short.setdefault(result.case.slug, {})[metric] = None
            else:
                slot = result.case.id, result.random_weights, metric, phase
                self.values.setdefault(slot, {})[session, process] = value
                self.resolutions[slot] = max(self.resolutions.get(slot, 0.0), resolution_of(metric, run))

    def _add_scores(self, run: Run, result: BenchmarkResult, session: str) -> None:
        for process, metric, task, item, score, weight in items_of(run, result):
            if not _is_usable(metric, score, weight):
                self.problem(f"{run.folder}: {task} {item}: {metric} is {score} (weight {weight}): left out")
            elif self._is_wanted(metric):
                slot = result.case.id, result.random_weights, metric, task
                self.scores.setdefault(slot, {}).setdefault((session, process), {})[item] = score, weight
                self.resolutions[slot] = max(self.resolutions.get(slot, 0.0), resolution_of(metric, run))

    def _is_wanted(self, metric: str) -> bool:
        return metric in self.metrics if self.metrics else not is_of_client(metric)

    def _of(self, slot: Slot) -> Observations:
        case_id, random_weights, metric, phase = slot
        return Observations(
            case=self.cases[case_id],
            metric=metric,
            phase=phase,
            values=self.values.get(slot, {}),
            scores=_scores(metric, self.scores.get(slot, {})),
            resolution=self.resolutions.get(slot, 0.0),
            grade=self.grades[case_id],
            random_weights=random_weights,
            machine=self.machine,
        )


def _cause(result: BenchmarkResult) -> str:
    cause = f": {result.failure.cause}" if result.failure else ""
    return f"{result.status.value}{cause}"


def resolution_of(metric: str, run: Run) -> float:
    """Return the smallest difference that means anything: a clock tick, a page of memory, the rounding of float32."""
    unit = unit_of(metric)
    if unit == "nats/token":
        return ROUNDING_NATS
    if unit == "bytes":
        memory = run.record.environment.get("memory") or {}
        return float(memory.get("page_bytes") or _PAGE_BYTES)
    return float(run.record.clock.get("resolution_ns", 0.0)) if unit == "ns" else 0.0


def process_values(run: Run, result: BenchmarkResult, p: float) -> Iterator[tuple[str, str, int, float | None]]:
    """Yield metric, phase, run number and quantile; None where the samples are too few for it."""
    if (run.files.get(result.case.id) or {}).get("samples") is None:
        return
    table = run.samples(result)
    stage, metric, phase, process, value = (
        _column(table, name) for name in ("stage", "metric", "phase", "run", "value")
    )
    measured = stage == Stage.MEASURED.value
    for tag, of_metric in _groups(metric, np.flatnonzero(measured), str):
        for name, of_phase in _groups(phase, of_metric, str):
            for number, rows in _groups(process, of_phase, int):
                suffice = p == 0.5 or len(rows) >= needed_samples(p)
                yield tag, name, number, quantile(np.sort(value[rows]), p) if suffice else None


def items_of(run: Run, result: BenchmarkResult) -> Iterator[tuple[int, str, str, str, float, float]]:
    """Yield run number, metric, task, item, score and weight, run by run."""
    if (run.files.get(result.case.id) or {}).get("scores") is None:
        return
    table = run.scores(result)
    names = ("run", "metric", "task", "item", "value", "weight")
    columns = [table.column(name).to_pylist() for name in names]
    yield from sorted(zip(*columns, strict=True), key=lambda row: int(row[0]))


def _is_usable(metric: str, score: float, weight: float) -> bool:
    is_positive = score > 0 or statistic_of(metric) is not Statistic.GEOMETRIC_MEAN
    return math.isfinite(score) and math.isfinite(weight) and weight > 0 and is_positive


def _scores(metric: str, of_processes: Mapping[Process, Items]) -> Items:
    """Return the items to compare: of the first process only, if each process measures them anew.

    Otherwise an item is the same in all of them, and one that the first process lacks comes from another.
    """
    processes = list(of_processes.values())
    chosen = processes[:1] if is_measured_anew(metric) else processes
    return {item: score for items in reversed(chosen) for item, score in items.items()}


def _figures(metric: str, of_processes: Mapping[Process, Items]) -> Iterator[tuple[Process, float]]:
    """Yield the figure of each process over its items, by the metric's statistic."""
    for process, items in of_processes.items():
        values, weights = (np.array(column) for column in zip(*items.values(), strict=True))
        figure = score_estimate(metric, values, weights).value
        if figure is not None:
            yield process, figure


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    found: NDArray[np.generic] = table.column(name).to_numpy()
    return found


def _groups(column: NDArray[np.generic], rows: NDArray[np.intp], kind: type[T]) -> Iterator[tuple[T, NDArray[np.intp]]]:
    """Yield each different value of the column among these rows, with its rows."""
    cells = column[rows]
    for value in dict.fromkeys(cells.tolist()):
        yield kind(value), rows[cells == value]
