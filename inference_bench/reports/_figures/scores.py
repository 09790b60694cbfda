"""Shares of items with intervals, grouped by task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    Origin,
    Seen,
    headline_of,
    is_of_output,
    left_out,
    only,
    says,
    table,
    varying,
    words,
)
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.setups import Key

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_MOST_ROWS = 36


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart of all shares that a run asked for."""
    groups = _groups(run)
    if not groups:
        return
    several = len(setups) > 1
    names: list[str] = []
    headings: list[int] = []
    points: dict[Key, list[Point]] = {}
    rows: list[tuple[str, str, Seen]] = []
    drawn = 0
    for heading, of_setups in groups.items():
        if names and len(names) + 1 + len(of_setups) > _MOST_ROWS:
            break
        drawn += 1
        if several:
            headings.append(len(names))
            names.append(heading)
        for key in (key for key in setups.keys if key in of_setups):
            one = of_setups[key]
            points.setdefault(key, []).append(
                Point(
                    one.value,
                    len(names),
                    one.ends,
                    is_sure=one.is_sure,
                    text=says(one, setups),
                    cases=(one.result.case.id,),
                )
            )
            names.append(setups.name(key) if several else heading)
            rows.append((setups.name(key), heading, one))
    title = "Shares of items, by task"
    yield Figure(
        title,
        axes.numbers("share of items, right is better", [0.0, 1.0], high=1.0),
        axes.names(names, headings),
        [Series("", setups.colour(key), Shape.POINTS, tuple(of_key)) for key, of_key in points.items()],
        table(title, rows, "task"),
        note=left_out(len(groups), drawn),
    )


def _groups(run: Run) -> dict[str, dict[Key, Seen]]:
    """Return the shares by task and metric, then by set-up."""
    found = [
        Seen(result, summary)
        for result in run.results
        if is_of_output(result)
        for tag in headline_of(result)
        for summary in result.summaries
        if summary.metric == tag and unit_of(tag) == "fraction" and summary.headline.value is not None
    ]
    differing = {
        benchmark: varying(one.parameters for one in found if one.result.case.benchmark == benchmark)
        for benchmark in {one.result.case.benchmark for one in found}
    }
    groups: dict[str, dict[Key, Seen]] = {}
    for one in found:
        origin = Origin(
            one.result.case.benchmark, one.summary.phase, only(one.parameters, differing[one.result.case.benchmark])
        )
        groups.setdefault(_heading(origin, one), {})[one.key] = one
    return groups


def _heading(origin: Origin, one: Seen) -> str:
    others = words(item for item in origin.parameters if item[0] != "task")
    what = dict(one.parameters).get("task") or one.summary.phase or origin.benchmark
    parts = (str(what).replace("_", " "), title_of(one.summary.metric), others, f"{one.summary.n:,} items")
    return ", ".join(filter(None, parts))
