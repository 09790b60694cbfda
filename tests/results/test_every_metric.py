"""Every metric of the table, compared by its own statistic: in ``compare``, ``ab``, history, Summary and charts.

Of each metric there are two sides whose statistic rises by a known amount, while another one (the mean, or the level)
falls: what compares anything else has the sign wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference_bench.analysis.comparison_result import Verdict
from inference_bench.analysis.derived_summaries import derived_summaries
from inference_bench.analysis.interval_change import Answer
from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.analysis.summaries import summarise_samples
from inference_bench.metrics import METRICS, Better, Metric, Replicate, Statistic
from inference_bench.plan import Case
from inference_bench.reports._figures.of_comparison import figures as effects
from inference_bench.reports._pages.history import page as history_page
from inference_bench.reports._pages.overview import overview
from inference_bench.result import BenchmarkResult, RunRecord, Samples, Scores, Status
from inference_bench.results.history import history
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_comparison import ComparisonOptions, RunSide, compare_runs
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_S

PROCESSES = 8
CLOCK = {"source": "tsc", "resolution_ns": 1.0}
COMPARED = [metric for metric in METRICS.values() if metric.derived_from is None]
SCALE = 64.0
"""Tokens per duration, of derived metrics."""


@dataclass(frozen=True)
class Made:
    """A side's raw values and the figure that they have."""

    values: np.ndarray
    weights: np.ndarray
    figure: float


def made(metric: Metric, *, later: bool, process: int) -> Made:
    """Return the values of one process; B's statistic is larger, and a wrong statistic of them is smaller."""
    jitter = np.random.default_rng(process).permutation(np.linspace(-0.004, 0.004, 31)) * (1 + process / 50)
    weights = np.ones(31)
    if metric.statistic is Statistic.MEDIAN:
        median = (1_500_000 if later else 1_000_000) * (1 + process / 1000)
        values = np.rint(median * (1 + jitter - np.median(jitter)))
        values[np.argsort(values)[-5:]] = 1_600_000 if later else 90_000_000  # the mean falls
        return Made(values, weights, float(np.sort(values)[15]))
    if metric.statistic is Statistic.SLOPE:
        slope, level = (20_000.0, 1e6) if later else (5_000.0, 60e6)  # the level falls
        values = level + slope * np.arange(31) + 4096 * jitter
        return Made(values, weights, slope)
    if metric.statistic is Statistic.MAXIMUM:
        values = (0.1 if later else 0.5) + jitter  # the mean falls
        values[7] = 0.9 if later else 0.6
        return Made(values, weights, values[7])
    if metric.statistic is Statistic.GEOMETRIC_MEAN:
        values = (30.0 if later else 10.0) * (1 + jitter)
        values[7] = 40.0 if later else 9000.0  # the arithmetic mean falls
        return Made(values, weights, float(np.exp(np.log(values).mean())))
    values = (0.6 if later else 0.4) * (1 + jitter)
    weights = np.where(np.arange(31) < 3, 1.0, 10.0)
    values[:3] = 0.0 if later else 1.0
    return Made(values, weights, float(np.average(values, weights=weights)))


def measured(metric: Metric, later: bool, processes: int) -> BenchmarkResult:
    """Return the result of a case of its own, as the orchestrator would put it together."""
    case = Case("tiny", f"of_{metric.tag}", Setup(), {})
    source = METRICS[metric.derived_from] if metric.derived_from else metric
    sides = [made(source, later=later, process=number) for number in range(processes)]
    run = np.repeat(np.arange(processes, dtype=np.int32), 31)
    values = np.concatenate([side.values for side in sides])
    rows = {"run": run, "metric": source.tag}
    if source.statistic is Statistic.MEDIAN:
        parts = {"iteration": 1, "phase": "", "stage": "measured", "value": values.astype(np.int64)}
        samples = Samples.joined([rows | parts])
        found = summarise_samples(samples)
        rates = derived_summaries(found, {metric.tag: SCALE})
        return BenchmarkResult(case, Status.OK, (*rates, *found), samples=samples, headline=(metric.tag,))
    items = np.tile([f"item {number}" for number in range(31)], processes)
    weights = np.concatenate([side.weights for side in sides])
    scores = Scores.joined([rows | {"task": "task", "item": items, "value": values, "weight": weights}])
    return BenchmarkResult(case, Status.OK, summarise_scores(scores), scores=scores, headline=(metric.tag,))


def record(number: int = 0) -> RunRecord:
    return RunRecord(f"run {number}", f"2026-11-{number + 1:02}T00:00:00+00:00", {}, {}, CLOCK, finished=True)


def stored(folder, later: bool, processes: int) -> Run:
    """Write every metric into one run's folder, and read it back."""
    path = create_run_folder(folder)
    sink = open_sinks(path)
    sink.begin(record())
    for metric in COMPARED:
        sink.write(measured(metric, later, processes), record())
    sink.finish(record())
    return load_run(path)


@pytest.fixture(scope="module", params=[1, PROCESSES])
def sides(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    names = ("a", "b") if request.param > 1 else ("one a", "one b")
    runs = [stored(folder / name, later, request.param) for name, later in zip(names, (False, True), strict=True)]
    return [RunSide(name, (run,)) for name, run in zip("AB", runs, strict=True)], request.param


def the_row(sides, metric, paired):
    found = compare_runs(sides, ComparisonOptions((metric.tag,), paired=paired))
    (row,) = found.rows
    return found, row


def figures_of(metric, processes):
    """Return A's and B's figure over their processes."""
    counted = 1 if metric.replicate is Replicate.ITEM else processes
    return [
        float(np.median([made(metric, later=later, process=n).figure for n in range(counted)]))
        for later in (False, True)
    ]


@pytest.mark.parametrize("paired", [False, True], ids=["compare", "ab"])
@pytest.mark.parametrize("metric", COMPARED, ids=lambda metric: metric.tag)
def test_compared_by_its_own_statistic(sides, metric, paired):
    of_sides, processes = sides
    found, row = the_row(of_sides, metric, paired)
    a, b = figures_of(metric, processes)
    noise = 0.02 * abs(b - a) + 0.02 * abs(a)

    assert row.values == (pytest.approx(a, abs=noise), pytest.approx(b, abs=noise))
    assert (row.change * a if row.relative else row.change) == pytest.approx(b - a, abs=2 * noise)
    if metric.statistic is Statistic.MAXIMUM or (processes == 1 and metric.statistic is Statistic.MEDIAN):
        assert (row.verdict, row.low) == (Verdict.INCONCLUSIVE, None)
        return
    assert row.low <= row.change <= row.high
    assert row.verdict is (Verdict.BETTER if metric.better is Better.HIGHER else Verdict.WORSE)
    assert found.is_worse == (metric.better is Better.LOWER)
    (chart,) = effects(found.compared)
    (point,) = chart.series[-1].points
    assert point.x_ends[0] > 0


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.tag)
def test_one_figure_in_history_and_summary(metric):
    sign = -1 if metric.derived_from else 1  # a rate falls where its duration rises
    results = [measured(metric, later, PROCESSES) for later in (False, True)]
    a, b = (result.summaries[0].headline.value for result in results)
    if metric.derived_from:
        durations = figures_of(METRICS[metric.derived_from], PROCESSES)
        assert (a, b) == tuple(pytest.approx(SCALE * NS_PER_S / duration) for duration in durations)
    else:
        assert (a, b) == tuple(pytest.approx(figure, rel=0.02) for figure in figures_of(metric, PROCESSES))

    tracks = history([Run(record(number), (results[number >= 6],)) for number in range(12)])
    (track,) = (track for track in tracks if track.metric == metric.tag)
    (change,) = track.changes.items()
    assert change == (6, pytest.approx(b / a - 1 if track.relative else b - a, rel=0.05))
    (cell,) = (row[-1].text for block in history_page([track]).blocks for row in block.tables[0].sections[0][6:7])
    assert cell.startswith("+" if sign > 0 else "-")
    assert ("better" in cell) == ((sign > 0) == (metric.better is Better.HIGHER))

    other = Case("tiny", results[1].case.benchmark, Setup(dtype="bfloat16"), {})
    beside = replace(results[1], case=other)
    (section, _) = overview([results[0], beside]).tables[0].sections
    ((_, base, cell),) = section
    headline = results[1].summaries[0].headline
    assert not base.below
    if headline.low is None:
        assert cell.text.endswith("[no interval]")
        assert cell.below == ()
        return
    change = " ".join(line.text for line in cell.below)
    answer = Answer.BETTER if (sign > 0) == (metric.better is Better.HIGHER) else Answer.WORSE
    assert change.startswith(answer)
    number = float(re.match(rf"{answer} [×+]?(-?[\d,.]+)", change)[1].replace(",", ""))
    assert number == pytest.approx(b / a, rel=0.01) if "×" in change else number * sign > 0
    assert ("×" in change) == (metric.unit != "fraction" and metric.statistic is not Statistic.SLOPE)


def test_growth_that_is_zero_or_negative_has_no_ratio():
    metric = METRICS["leak_slope"]
    result = measured(metric, False, 1)
    flat = Scores(**{name: getattr(result.scores, name) for name in result.scores.__dataclass_fields__})
    flat.value[:] = 60e6
    nothing = BenchmarkResult(result.case, Status.OK, summarise_scores(flat), headline=(metric.tag,))
    leaks = measured(metric, True, 1)

    tracks = history([Run(record(number), ((nothing, leaks)[number >= 6],)) for number in range(12)])
    assert tracks[0].changes == {6: pytest.approx(20_000, rel=0.05)}
    assert "WORSE" in history_page(tracks).blocks[0].tables[0].sections[0][6][-1].text
