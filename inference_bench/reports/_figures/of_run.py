"""Charts of a run: latency by length, throughput by batch size, distributions, memory, loading, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.batch_knee import THROUGHPUT, gains, knee
from inference_bench.errors import RunFormatError
from inference_bench.metrics import METRICS, title_of, unit_of
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Mark, Series
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.numbers import figure_heading, numbers_of
from inference_bench.result import BenchmarkResult, Stage, Summary
from inference_bench.units import MIB, NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_POINTS = 400
"""Points of a curve: as many as a screen shows."""

_DISTRIBUTIONS = ("ttft", "itl", "forward_time", "request_latency")
_TIMED_ALONE = ("inference_speed", "serving_load")
_BY_LENGTH = ("ttft", "tpot", "forward_time")
_SHARES = frozenset(tag for tag, metric in METRICS.items() if metric.unit == "fraction")

_FEWEST = 10
"""Samples that a distribution needs."""

_HOW_TO_READ = "A steep curve means little spread, a step is a second mode, and the flat end is the tail."


def figures(run: Run) -> list[Figure]:
    """Return every chart that this run has data for."""
    places = Places(run.results)
    makers: tuple[Callable[[Run, Places], Iterator[Figure]], ...] = (
        _by_length,
        _by_batch,
        _distributions,
        _memory,
        _loading,
        _accuracy,
    )
    return [figure for maker in makers for figure in maker(run, places)]


def _found(result: BenchmarkResult, metric: str) -> Summary | None:
    same = (summary for summary in result.summaries if summary.metric == metric)
    return next((summary for summary in same if summary.headline.value is not None), None)


def _left_out(found: Sized, drawn: int = MOST_SERIES) -> str:
    return f"Not drawn: {len(found) - drawn} more." if len(found) > drawn else ""


def _estimates(name: str, points: Sequence[tuple[float | str, Summary]], divisor: float) -> Series:
    estimates = [summary.headline for _, summary in points]
    values = [(e.value or 0.0) / divisor for e in estimates]
    low = [v if e.low is None else e.low / divisor for e, v in zip(estimates, values, strict=True)]
    high = [v if e.high is None else e.high / divisor for e, v in zip(estimates, values, strict=True)]
    return Series(name, tuple(x for x, _ in points), tuple(values), tuple(low), tuple(high))


def _estimate_table(title: str, x_name: str, rows: Iterable[tuple[str, float | str, Summary]]) -> Table:
    found = list(rows)
    columns = (
        Column("series"),
        Column(x_name, numeric=True),
        Column(figure_heading(summary for _, _, summary in found), numeric=True),
        Column("interval"),
    )
    cells = []
    for name, x, summary in found:
        numbers = numbers_of(summary, unit_of(summary.metric))
        figure = summary.headline
        place = f"{x:g}" if isinstance(x, float) else str(x)
        texts = (name, place, numbers.with_unit(figure.value), numbers.interval(figure))
        cells.append(tuple(Cell(text) for text in texts))
    return Table(title, columns, (tuple(cells),))


# Latency against the length of the prompt


def _by_length(run: Run, places: Places) -> Iterator[Figure]:
    looks: dict[str, int] = {}
    for metric in _BY_LENGTH:
        series: dict[str, list[tuple[float, Summary]]] = {}
        for result in run.results:
            length, summary = result.case.parameters.get("input_length"), _found(result, metric)
            if result.case.benchmark == "inference_speed" and summary is not None and length is not None:
                series.setdefault(places.curve(result.case, "input_length"), []).append((float(length), summary))
        lines = {name: sorted(points, key=lambda p: p[0]) for name, points in series.items() if len(points) > 1}
        if lines:
            title = f"{title_of(metric)} against input length"
            yield Figure(
                title,
                "line",
                "input length [tokens]",
                f"{title_of(metric)} [ms]",
                [
                    replace(_estimates(name, points, NS_PER_MS), look=looks.setdefault(name, len(looks)))
                    for name, points in list(lines.items())[:MOST_SERIES]
                ],
                _estimate_table(title, "input length", ((n, x, s) for n, points in lines.items() for x, s in points)),
                log_x=True,
                note=_left_out(lines),
            )


# Throughput against the batch size


def _by_batch(run: Run, places: Places) -> Iterator[Figure]:
    series: dict[str, list[tuple[float, Summary]]] = {}
    for result in run.results:
        size, summary = result.case.parameters.get("batch_size"), _found(result, THROUGHPUT)
        if size is not None and summary is not None:
            series.setdefault(places.curve(result.case, "batch_size"), []).append((float(size), summary))
    lines = {name: sorted(points, key=lambda p: p[0]) for name, points in series.items() if len(points) > 1}
    for drawn, (name, points) in enumerate(list(lines.items())[:MOST_SERIES], 1):
        positive = all(_value(summary) > 0 and (summary.headline.low or 1.0) > 0 for _, summary in points)
        found = knee(gains([(int(x), summary.headline) for x, summary in points])) if positive else None
        notes = [] if found is None else [f"From batch size {found} on, doubling gains less than a tenth."]
        notes += [_left_out(lines)] if drawn == MOST_SERIES else []
        title = f"Throughput against batch size: {name}"
        yield Figure(
            title,
            "line",
            "batch size",
            f"{title_of(THROUGHPUT)} [tokens/s]",
            [_estimates(name, points, 1.0)],
            _estimate_table(title, "batch size", ((name, x, s) for x, s in points)),
            [] if found is None else [Mark(float(found), f"knee: {found}")],
            log_x=True,
            note=" ".join(notes),
        )


# Distributions


def _distributions(run: Run, places: Places) -> Iterator[Figure]:
    """Yield one chart per metric and model, with one curve per length or load."""
    note = _HOW_TO_READ
    for metric in _DISTRIBUTIONS:
        groups: dict[str, list[BenchmarkResult]] = {}
        for result in run.results:
            if result.case.benchmark in _TIMED_ALONE and _found(result, metric):
                groups.setdefault(places.name(replace(result.case, parameters={})), []).append(result)
        for owner, members in groups.items():
            curves: list[Series] = []
            rows: list[tuple[str, float | str, Summary]] = []
            for result in members[:MOST_SERIES]:
                values, summary = _samples(run, result, metric), _found(result, metric)
                if len(values) < _FEWEST or summary is None:
                    continue
                shares = np.arange(1, len(values) + 1) / len(values)
                keep = np.unique(np.linspace(0, len(values) - 1, _POINTS).astype(int))
                name = places.point(result.case)
                curves.append(Series(name, tuple(values[keep] / NS_PER_MS), tuple(100 * shares[keep])))
                rows.append((name, float(len(values)), summary))
            if curves:
                lone = f", {curves[0].name}" if len(curves) == 1 < len(members) else ""
                title = f"Distribution of {title_of(metric)}: {owner}{lone}"
                yield Figure(
                    title,
                    "step",
                    f"{title_of(metric)} [ms]",
                    "samples at most this long [%]",
                    curves,
                    _estimate_table(title, "samples", rows),
                    note=f"{note} {_left_out(members)}".strip(),
                )
                note = ""


def _samples(run: Run, result: BenchmarkResult, metric: str) -> np.ndarray:
    """Return the measured samples in ascending order; none if their file cannot be read."""
    try:
        table = run.samples(result)
    except RunFormatError:
        return np.array([])
    columns = {name: table.column(name).to_numpy() for name in ("metric", "stage", "value")}
    chosen = (columns["metric"] == metric) & (columns["stage"] == Stage.MEASURED.value)
    return np.sort(columns["value"][chosen]).astype(float)


# Memory


def _memory(run: Run, places: Places) -> Iterator[Figure]:
    drawn = 0
    recorded = [result for result in run.results if (run.files.get(result.case.id) or {}).get("memory")]
    for result in recorded:
        if drawn == MOST_SERIES:
            return
        try:
            table = run.memory(result)
        except RunFormatError:
            continue
        first = table.column("run").to_numpy() == table.column("run").to_numpy().min() if table.num_rows else []
        if table.num_rows < 2:
            continue
        times = table.column("time_ns").to_numpy()[first]
        sizes = table.column("rss_bytes").to_numpy()[first]
        phases = table.column("phase").to_numpy()[first]
        seconds = (times - times[0]) / NS_PER_S
        keep = _extremes(sizes)
        drawn += 1
        title = f"Memory over time: {places.curve(result.case)}"
        yield Figure(
            title,
            "line",
            "time since the worker began to load [s]",
            "resident memory [MiB]",
            [Series("resident set size", tuple(seconds[keep]), tuple(sizes[keep] / MIB))],
            _phase_table(title, phases, seconds, sizes),
            _phase_marks(phases, seconds),
            note="Each phase is marked where it first occurs."
            + (f" {_left_out(recorded)}" if drawn == MOST_SERIES else ""),
        )


def _extremes(values: np.ndarray) -> np.ndarray:
    """Return the positions of each stretch's smallest and largest value, so that thinning hides no peak."""
    stretches = np.array_split(np.arange(len(values)), min(_POINTS // 2, len(values)))
    return np.unique([at for s in stretches for at in (s[np.argmin(values[s])], s[np.argmax(values[s])])])


def _stretches(phases: np.ndarray) -> Iterator[tuple[str, int, int]]:
    changes = [0, *(np.flatnonzero(phases[1:] != phases[:-1]) + 1), len(phases)]
    for begin, end in pairwise(changes):
        yield str(phases[begin]), int(begin), int(end)


def _phase_marks(phases: np.ndarray, seconds: np.ndarray) -> list[Mark]:
    marks, named = [], set()
    for phase, begin, end in _stretches(phases):
        if phase and phase not in named and phase != "between":
            named.add(phase)
            marks.append(Mark(float(seconds[begin]), phase, float(seconds[end - 1])))
    return marks


def _phase_table(title: str, phases: np.ndarray, seconds: np.ndarray, sizes: np.ndarray) -> Table:
    """Return one row per phase, however often it occurs, and one for the time outside of phases."""
    where: dict[str, list[tuple[int, int]]] = {}
    for phase, begin, end in _stretches(phases):
        where.setdefault("" if phase == "between" else phase, []).append((begin, end))
    rows = tuple(
        (
            Cell(phase or "none"),
            Cell(f"{len(found):,}"),
            Cell(f"{seconds[found[0][0]]:.3f} s"),
            Cell(f"{seconds[found[-1][1] - 1]:.3f} s"),
            Cell(f"{max(sizes[begin:end].max() for begin, end in found) / MIB:,.1f} MiB"),
        )
        for phase, found in where.items()
    )
    names = ("times", "first begins", "last ends", "peak")
    return Table(title, (Column("phase"), *(Column(name, numeric=True) for name in names)), (rows,))


# Loading


def _loading(run: Run, places: Places) -> Iterator[Figure]:
    loaded = [r for r in run.results if r.case.benchmark == "model_loading_time" and _found(r, "load_time")]
    results = loaded[: 2 * MOST_SERIES]
    if not results:
        return
    names = tuple(places.curve(result.case) for result in results)
    steps = [
        {s.phase: s for s in result.summaries if s.metric == "load_time" and s.headline.value is not None}
        for result in results
    ]
    phases = [phase for phase in dict.fromkeys(p for step in steps for p in step) if phase not in ("total", "compile")]
    rows = [(name, phase, s) for name, step in zip(names, steps, strict=True) for phase, s in step.items()]
    title = "Where loading time goes"
    yield Figure(
        title,
        "bars",
        "median time [s]",
        "",
        [
            Series(phase, names, tuple(_value(step.get(phase)) / NS_PER_S for step in steps))
            for phase in phases
            if any(_value(step.get(phase)) / NS_PER_S > 0.001 for step in steps)
        ],
        _estimate_table(title, "step", rows),
        note=f"Steps of less than a millisecond are in the table only. {_left_out(loaded, 2 * MOST_SERIES)}".strip(),
    )


def _value(summary: Summary | None) -> float:
    return (summary.headline.value or 0.0) if summary else 0.0


# Accuracy


def _accuracy(run: Run, places: Places) -> Iterator[Figure]:
    rows = [
        (f"{places.name(result.case)}, {title_of(s.metric)} {s.phase}".strip(), s)
        for result in run.results
        for s in result.summaries
        if s.metric in _SHARES and s.headline.value is not None
    ]
    if not rows:
        return
    title = "Shares of items, with intervals"
    yield Figure(
        title,
        "dots",
        "share of items",
        "",
        [_estimates("score", rows[: 3 * MOST_SERIES], 1.0)],
        _estimate_table(title, "items", ((name, float(s.n), s) for name, s in rows)),
        note=_left_out(rows, 3 * MOST_SERIES),
    )
