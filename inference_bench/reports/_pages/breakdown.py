"""Where the time of the steps goes: for each case its modules and its operators by self time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.analysis.breakdown import HOOKS, Part, StepParts, steps_of
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Block, Cell, Column, Table, Tone
from inference_bench.result import Operations
from inference_bench.results.parquet_table import from_arrow
from inference_bench.units import counted, format_ns

if TYPE_CHECKING:
    from inference_bench.ceilings import Interval
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_MOST = 10
"""Parts that a table names; the others are one row."""


def operations_of(run: Run, result: BenchmarkResult) -> Operations | None:
    """Read the breakdown of a case; None if it has none."""
    if not (run.files.get(result.case.id) or {}).get("operations"):
        return None
    return from_arrow(run.table(result, "operations"), Operations)


def breakdown_blocks(run: Run) -> Iterator[Block]:
    """Yield one part of the page with the breakdown of every case; nothing if no case has one."""
    places = Places(run.results)
    tables: list[Table] = []
    for result in run.results:
        if (table := operations_of(run, result)) is not None:
            tables += _tables(places.name(result.case), result, table)
    if tables:
        yield Block(Cell("Where the time goes", Tone.STRONG), (), tuple(tables))


def _tables(name: str, result: BenchmarkResult, table: Operations) -> Iterator[Table]:
    steps = list(steps_of(table))
    for kind in dict.fromkeys(step.recorded_by for step in steps):
        yield _table(name, result.case.id, [step for step in steps if step.recorded_by == kind])


def _table(name: str, case: str, steps: Sequence[StepParts]) -> Table:
    is_of_modules = steps[0].recorded_by == HOOKS
    what = "module" if is_of_modules else "operator"
    columns = (
        Column("step"),
        Column(what),
        Column("self time", numeric=True),
        Column("share [least, most]", numeric=True),
        Column("calls per step", numeric=True, spare=1),
    )
    return Table(
        f"{name}: {what}s by self time",
        columns,
        tuple(tuple(_rows(step, is_of_modules=is_of_modules)) for step in steps),
        cases=(case,) * len(steps),
        below=tuple(_below(steps, what)),
        is_sortable=False,
    )


def _rows(step: StepParts, *, is_of_modules: bool) -> Iterator[tuple[Cell, ...]]:
    named, others = step.parts[:_MOST], step.parts[_MOST:]
    for place, part in enumerate(named):
        yield _row("" if place else step.step, part.name, part)
    if others:
        yield _sum_row(counted(len(others), "other"), others)
    yield _row("", "not in any module" if is_of_modules else "not in any operator", step.rest, Tone.QUIET)
    whole = (Cell("the whole step", Tone.STRONG), Cell(format_ns(step.whole_ns.value), Tone.STRONG))
    yield Cell(""), *whole, Cell("100 %"), Cell("")


def _row(step: str, name: str, part: Part, tone: Tone = Tone.PLAIN) -> tuple[Cell, ...]:
    calls = f"{part.calls:,.3g}" if part.name else ""
    return Cell(step), Cell(name, tone), Cell(format_ns(part.self_ns.value)), Cell(_share(part.share)), Cell(calls)


def _sum_row(name: str, parts: Sequence[Part]) -> tuple[Cell, ...]:
    time_ns, share = (sum(values) for values in zip(*((p.self_ns.value, p.share.value) for p in parts), strict=True))
    calls = sum(part.calls for part in parts)
    return Cell(""), Cell(name, Tone.QUIET), Cell(format_ns(time_ns)), Cell(f"{share:.1%}"), Cell(f"{calls:,.4g}")


def _share(share: Interval) -> str:
    return f"{share.value:.1%} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _below(steps: Sequence[StepParts], what: str) -> Iterator[Cell]:
    first = steps[0]
    by = "hooks on every module" if what == "module" else "hooks and torch.profiler"
    costs = ", ".join(f"{step.step} {_ratio(step.cost)}" for step in steps)
    yield Cell(
        f"Seen by {by} after the case was measured; this alone makes a step longer: {costs}. Mean of {first.counted} "
        f"of {counted(first.repetitions, 'repetition')}, the middle half by the time of the step; least and most of "
        "all.",
        Tone.QUIET,
    )


def _ratio(cost: Interval) -> str:
    return f"×{cost.value:.3g} [{cost.low:.3g}, {cost.high:.3g}]"
