"""The page of a comparison: one table per benchmark, then the reasons for the verdicts and what weakens them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict, spoken, word
from inference_bench.analysis.matching import fields_of
from inference_bench.analysis.node_effects import odd_machines
from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.reports._pages.document import Verdict as Answer
from inference_bench.reports._pages.findings import TONES as GRADE_TONES
from inference_bench.reports._pages.parameters import benchmark_words, constants, parameters_words
from inference_bench.reports._pages.verdict_sentence import sentence
from inference_bench.units import counted, format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from inference_bench.analysis.environment_differences import Difference

TONES = {
    Verdict.BETTER: Tone.GOOD,
    Verdict.WORSE: Tone.ALARM,
    Verdict.BETTER_OPEN: Tone.WARNING,
    Verdict.WORSE_OPEN: Tone.WARNING,
    Verdict.SAME: Tone.PLAIN,
    Verdict.INCONCLUSIVE: Tone.WARNING,
    Verdict.WITHHELD: Tone.ALARM,
}

_UNSETTLED = (
    ("Verdict withheld: the work was not equal", Tone.ALARM, (Verdict.WITHHELD,)),
    ("Inconclusive", Tone.WARNING, (Verdict.INCONCLUSIVE,)),
    ("By how much is open", Tone.WARNING, (Verdict.BETTER_OPEN, Verdict.WORSE_OPEN)),
)
"""Headings of the reasons why these verdicts settle nothing."""

_DAGGER = "†"
_BY_CONCERN = (
    Verdict.SAME,
    Verdict.BETTER,
    Verdict.BETTER_OPEN,
    Verdict.INCONCLUSIVE,
    Verdict.WORSE_OPEN,
    Verdict.WORSE,
    Verdict.WITHHELD,
)

_COLUMNS = (
    Column("metric"),
    Column("A", numeric=True, spare=3),
    Column("B", numeric=True, spare=2),
    Column("change", numeric=True),
    Column("interval", numeric=True),
    Column("verdict"),
    Column("margin", numeric=True, spare=4),
    Column("detectable change", numeric=True, spare=5),
    Column("runs", numeric=True, spare=1),
    Column("grades"),
)

_LEGEND = (
    "change: B against A, over runs. FASTER, SLOWER …: the whole interval lies beyond the margin, also after Holm's "
    "correction for the number of comparisons; “by how much is open”: all of it lies on this side of zero, but not "
    "beyond the margin. SAME: all of it lies within the margin. INCONCLUSIVE: none of these. detectable change: "
    "detected in four of five such comparisons. grades: how far A's and B's case can be trusted, A to F. Rates follow "
    "from the durations shown."
)


def page(
    compared: Sequence[Comparisons], differences: Sequence[Sequence[Difference]], remarks: Sequence[str] = ()
) -> Page:
    """Return the page of comparisons with one baseline.

    Args:
        compared: each candidate against the baseline.
        differences: of each candidate's environment from the baseline's.
        remarks: further sentences on its reliability, such as about the A/A floor.
    """
    return Page(
        lines=(Cell(f"{', '.join(found.after for found in compared)} against {compared[0].before}"),),
        blocks=tuple(_block(found) for found in compared),
        remarks=tuple(block for block in _remarks(compared, differences, remarks) if block.lines),
        legend=_LEGEND,
        verdict=Answer((*(_sentence(found) for found in compared), _outcome(compared))),
    )


def _sentence(found: Comparisons) -> Cell:
    """Return the sentence of a candidate; one that is better here and worse there is neither good nor an alarm."""
    verdicts = [row.verdict for row in found.rows]
    tone = Tone.ALARM if found.regressions else TONES[_worst(verdicts)]
    is_mixed = not found.regressions and {Verdict.BETTER, Verdict.WORSE} <= set(verdicts)
    return Cell(sentence(found), Tone.STRONG if is_mixed else tone)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that needs attention most."""
    return max(verdicts, key=_BY_CONCERN.index, default=Verdict.SAME)


def _outcome(compared: Sequence[Comparisons]) -> Cell:
    rows = [row for found in compared for row in found.rows]
    count = {verdict: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
    failed = sum(len(found.regressions) for found in compared)
    parts = [f"{number} {spoken(verdict)}" for verdict, number in count.items() if number]
    parts += [f"{failed} that {'fails' if failed == 1 else 'fail'} in B alone"] if failed else []
    return Cell(f"{counted(len(rows), 'comparison')}: {', '.join(parts) or 'none'}", Tone.QUIET)


def _block(found: Comparisons) -> Block:
    how = "interleaved pairs" if found.paired else "runs in rounds" if found.in_rounds else "separate runs"
    how += _where(found.machines)
    how += f", {100 * found.level:.4g} % intervals"
    lines = [Cell(f"A = {found.before}", Tone.QUIET), Cell(f"B = {found.after}", Tone.QUIET)]
    lines += [Cell(f"compared: {name} {a} → {b}") for name, (a, b) in found.differing.items()]
    benchmarks = dict.fromkeys(row.before.benchmark for row in found.rows)
    tables: list[Table] = []
    for name in benchmarks:
        rows = [row for row in found.rows if row.before.benchmark == name]
        tables += [_table(name, rows), *_on_machines(name, rows)]
    return Block(Cell(f"B against A, {how}", Tone.STRONG), tuple(lines), tuple(tables))


def _where(machines: Sequence[str]) -> str:
    """Return on which machines, where they were told apart."""
    return f" within {len(machines)} machines" if len(machines) > 1 else f" on {machines[0]}" if machines else ""


def _table(benchmark: str, rows: Sequence[Comparison]) -> Table:
    in_phases = metrics_in_phases(rows)
    note = parameters_words(constants([row.before for row in rows]))
    title = benchmark_words(benchmark)
    return replace(_by_case(title, rows, _COLUMNS, lambda row: _cells(row, in_phases)), note=note)


def _on_machines(benchmark: str, rows: Sequence[Comparison]) -> Iterator[Table]:
    """Yield the change on each machine, if there are several; from four on, one that departs is marked."""
    machines = sorted({machine for row in rows for machine in row.machines})
    if len(machines) < 2:
        return
    in_phases = metrics_in_phases(rows)

    def cells(row: Comparison) -> tuple[Cell, ...]:
        odd = odd_machines(row)
        return Cell(metric_text(row, in_phases)), *(_on_machine(row, machine, odd) for machine in machines)

    columns = (Column("metric"), *(Column(machine, numeric=True) for machine in machines))
    title = f"{benchmark_words(benchmark)}: change on each machine"
    table = _by_case(title, [row for row in rows if row.machines], columns, cells)
    yield replace(table, repeated=len(table.columns) - len(machines), is_sortable=False)


def _on_machine(row: Comparison, machine: str, odd: Container[str]) -> Cell:
    change = row.machines.get(machine)
    return (
        NO_FIGURE if change is None else Cell(change_text(row, change), Tone.WARNING if machine in odd else Tone.PLAIN)
    )


def _by_case(
    title: str,
    rows: Sequence[Comparison],
    columns: Sequence[Column],
    cells: Callable[[Comparison], tuple[Cell, ...]],
) -> Table:
    """Return a table with a section per case, whose first row says what distinguishes it."""
    varying = varying_fields(rows)
    heads = tuple(Column(name.removeprefix("axis ").replace("_", " "), numeric=name != "model") for name in varying)
    of_case: dict[str, list[Comparison]] = {}
    for row in rows:
        of_case.setdefault(row.before.id, []).append(row)
    sections = tuple(
        tuple(
            (
                *(Cell(str(fields_of(row.before).get(name, "–")) if place == 0 else "") for name in varying),
                *cells(row),
            )
            for place, row in enumerate(members)
        )
        for members in of_case.values()
    )
    return Table(title, (*heads, *columns), sections, tuple(of_case))


def varying_fields(rows: Sequence[Comparison]) -> list[str]:
    """Return the fields that distinguish the cases of a table."""
    fields = [fields_of(row.before) for row in rows]
    names = dict.fromkeys(name for one in fields for name in one)
    return [name for name in names if len({one.get(name) for one in fields}) > 1]


def metrics_in_phases(rows: Sequence[Comparison]) -> set[str]:
    """Return the metrics that occur in several phases."""
    phases = {(row.metric, row.phase) for row in rows}
    return {metric for metric, _ in phases if sum(metric == other for other, _ in phases) > 1}


def metric_text(row: Comparison, in_phases: Container[str]) -> str:
    """Return a row's metric, and its phase if the metric occurs in several."""
    title = title_of(row.metric)
    return f"{title}, {row.phase}" if row.metric in in_phases and row.phase else title


def _cells(row: Comparison, in_phases: Container[str]) -> tuple[Cell, ...]:
    unit = unit_of(row.metric) or ""
    return (
        Cell(metric_text(row, in_phases)),
        Cell(format_value(row.values[0], unit)),
        Cell(format_value(row.values[1], unit)),
        Cell(f"{change_text(row, row.change)}{f' {_DAGGER}' if _is_against_the_medians(row) else ''}", Tone.STRONG),
        Cell(interval_text(row), Tone.PLAIN if row.low is not None else Tone.QUIET),
        Cell(word(row.verdict, unit), TONES[row.verdict]),
        Cell(f"±{size_text(row, row.margin)}"),
        Cell("–" if row.smallest_effect is None else size_text(row, row.smallest_effect)),
        Cell(_runs(row)),
        _grades(row.grades),
    )


def _runs(row: Comparison) -> str:
    """Return the number of replicates, with their noun where they are machines."""
    numbers = str(row.runs[0]) if row.runs[0] == row.runs[1] else f"{row.runs[0]}, {row.runs[1]}"
    return f"{numbers} machines" if row.replicate == "machine" else numbers


def _grades(grades: tuple[str, str]) -> Cell:
    """Return both sides' grades, one if they are equal, in the tone of the worse."""
    known = [letter for letter in dict.fromkeys(grades) if letter]
    return Cell(", ".join(known), GRADE_TONES[max(known)]) if known else NO_FIGURE


def change_text(row: Comparison, change: float) -> str:
    """Return a change with its sign; a dash for one that is withheld."""
    if math.isnan(change):
        return "–"
    sign = "+" if change > 0 else "-" if change < 0 else ""
    return sign + size_text(row, abs(change))


def size_text(row: Comparison, size: float) -> str:
    """Return a size on the scale of the row's change: per cent of A, or the metric's unit."""
    if not row.relative:
        return format_value(size, unit_of(row.metric) or "")
    return f"{100 * size:.2f} %" if size < 0.1 else f"{100 * size:.1f} %" if size < 10 else f"× {1 + size:.3g}"


def interval_text(row: Comparison) -> str:
    """Return the interval of the change, or a dash."""
    if row.low is None or row.high is None:
        return "–"
    return f"[{change_text(row, row.low)}, {change_text(row, row.high)}]"


def _remarks(
    compared: Sequence[Comparisons], differences: Sequence[Sequence[Difference]], remarks: Sequence[str]
) -> Iterator[Remarks]:
    failed = (Cell(line, Tone.ALARM) for found in compared for line in found.regressions)
    yield Remarks("Fails in B but not in A", tuple(failed))
    for heading, tone, verdicts in _UNSETTLED:
        yield Remarks(heading, tuple(Cell(line, tone) for line in _reasons(compared, verdicts)))
    told = {line for found in compared for line in found.regressions}
    rest = dict.fromkeys(line for found in compared for line in found.unmatched if line not in told)
    yield Remarks("Not compared", tuple(Cell(line, Tone.WARNING) for line in rest))
    for found, different in zip(compared, differences, strict=True):
        heading = "The environments differ" + (f" ({found.after})" if len(compared) > 1 else "")
        yield Remarks(heading, tuple(Cell(f"{d.name}: {d.before} → {d.after}", Tone.WARNING) for d in different))
    lines = [Cell(text) for text in remarks]
    lines += [Cell(line) for line in _against_the_medians(compared)]
    if any(found.in_rounds and _counts_runs(found) for found in compared):
        lines.append(
            Cell(
                "Measured in rounds, each in the same order: a slow drift of the machine affects all sides, but the "
                "order is not balanced, and the runs of a round are not taken for pairs. `ab` does both."
            )
        )
    if any(not found.in_turn and _counts_runs(found) for found in compared):
        lines.append(
            Cell("Not interleaved: a drift of the machine between A and B would look like a change. `ab` avoids that.")
        )
    yield Remarks("Reliability", tuple(lines))


def _counts_runs(found: Comparisons) -> bool:
    """Return whether an interval is over the runs of one machine, which does not show how that drifts."""
    return not found.rows or any(row.replicate != "machine" for row in found.rows)


def _against_the_medians(compared: Sequence[Comparisons]) -> Iterator[str]:
    """Explain the mark of the rows whose change has another sign than the difference of the figures shown."""
    rows = [row for found in compared for row in found.rows if _is_against_the_medians(row)]
    if rows:
        names = ", ".join(dict.fromkeys(title_of(row.metric) for row in rows))
        yield (
            f"{_DAGGER} {names}: the change has another sign than the difference between A and B, which is no "
            "contradiction. A and B are the medians of each side; the change, which the verdict is about, is the "
            "middle of the changes from run to run (pair by pair if interleaved, machine by machine if on several)."
        )


def _is_against_the_medians(row: Comparison) -> bool:
    """Return whether the change has another sign than the difference between the figures shown."""
    return row.change * (row.values[1] - row.values[0]) < 0


def _reasons(compared: Sequence[Comparisons], verdicts: Container[Verdict]) -> Iterator[str]:
    """Yield each reason of the rows with these verdicts once, with its metrics."""
    found: dict[str, dict[str, None]] = {}
    for row in (row for one in compared for row in one.rows if row.reason and row.verdict in verdicts):
        title = title_of(row.metric)
        point = " × ".join(map(str, row.before.parameters.values()))
        found.setdefault(row.reason, {})[" ".join(filter(None, (title, point)))] = None
    for reason, names in found.items():
        listed = list(names)
        more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
        yield f"{', '.join(listed[:4])}{more}: {reason}."
