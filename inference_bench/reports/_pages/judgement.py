"""The page of a judgement: one new run against its history, one row per figure, then what was left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference_bench.analysis.matching import fields_of
from inference_bench.analysis.prediction_interval import FEWEST_RUNS, LEVEL, Basis, Judgement, judgement_word
from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.units import counted, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.analysis.prediction_interval import Prediction
    from inference_bench.plan import Case
    from inference_bench.results.judged_figure import JudgedFigure
    from inference_bench.results.run_judgement import RunJudgement

TONES = {
    Judgement.WORSE: Tone.ALARM,
    Judgement.SUSPECT: Tone.WARNING,
    Judgement.OK: Tone.PLAIN,
    Judgement.BETTER: Tone.GOOD,
    Judgement.UNKNOWN: Tone.QUIET,
}
"""The worst first."""

_COLUMNS = (
    Column("metric"),
    Column("earlier", numeric=True, spare=1),
    Column("new", numeric=True),
    Column("change", numeric=True),
    Column("unchanged code gives", numeric=True, spare=2),
    Column("verdict"),
    Column("detectable change", numeric=True, spare=3),
    Column("runs", numeric=True, spare=4),
)


def page(judgement: RunJudgement, remarks: Sequence[str] = ()) -> Page:
    """Return the page of a judgement.

    Args:
        judgement: the judgement.
        remarks: further sentences.
    """
    benchmarks = dict.fromkeys(row.case.benchmark for row in judgement.rows)
    tables = [_table(name, [row for row in judgement.rows if row.case.benchmark == name]) for name in benchmarks]
    return Page(
        lines=(Cell(outcome(judgement), _tone(judgement)),),
        blocks=(Block(_heading(judgement), (), tuple(tables)),) if tables else (),
        remarks=tuple(block for block in _remarks(judgement, remarks) if block.lines),
        legend=_legend(judgement),
    )


def outcome(judgement: RunJudgement) -> str:
    """Return the judgement as a sentence: that one new run is judged, by how many, and what was found."""
    counts = Counter(judgement_word(row.judgement, unit_of(row.metric)) for row in _worst_first(judgement.rows))
    parts = [f"{count} {word}" for word, count in counts.items()]
    failed = len(judgement.regressions)
    parts = [*([f"{failed} FAILED"] if failed else []), *parts]
    name = f" ({judgement.new.id})" if judgement.new.id else ""
    how_many = counted(len(judgement.earlier), "earlier run")
    return f"One new run{name}, judged by {how_many} of the same machine: {', '.join(parts) or 'nothing to judge'}"


def _worst_first(rows: Sequence[JudgedFigure]) -> list[JudgedFigure]:
    order = list(TONES)
    return sorted(rows, key=lambda row: order.index(row.judgement))


def _tone(judgement: RunJudgement) -> Tone:
    if judgement.regressions:
        return Tone.ALARM
    rows = _worst_first(judgement.rows)
    return TONES[rows[0].judgement] if rows else Tone.QUIET


def _heading(judgement: RunJudgement) -> Cell:
    first, last = judgement.earlier[0], judgement.earlier[-1]
    return Cell(f"new run against {first.id} … {last.id}" if first is not last else f"new run against {first.id}")


def _table(benchmark: str, rows: Sequence[JudgedFigure]) -> Table:
    cases = {row.case.id: row.case for row in rows}
    varying = _varying(list(cases.values()))
    heads = tuple(Column(name.removeprefix("axis ").replace("_", " "), numeric=name != "axis test") for name in varying)
    phases: dict[str, set[str]] = {}
    for row in rows:
        phases.setdefault(row.metric, set()).add(row.phase)
    sections = tuple(
        tuple(
            (
                *(Cell(str(fields_of(row.case).get(name, "–")) if place == 0 else "") for name in varying),
                *_cells(row, in_phases=len(phases[row.metric]) > 1),
            )
            for place, row in enumerate(row for row in rows if row.case.id == case_id)
        )
        for case_id in cases
    )
    title = benchmark.replace("_", " ")
    return Table(title[:1].upper() + title[1:], (*heads, *_COLUMNS), sections, tuple(cases))


def _varying(cases: Sequence[Case]) -> list[str]:
    """Return the fields in which cases differ; the test of pytest's figures always."""
    fields = [fields_of(case) for case in cases]
    names = dict.fromkeys(name for one in fields for name in one)
    return [name for name in names if name == "axis test" or len({one.get(name) for one in fields}) > 1]


def _cells(row: JudgedFigure, *, in_phases: bool) -> tuple[Cell, ...]:
    unit, found = unit_of(row.metric) or "", row.prediction
    title = f"{title_of(row.metric)}, {row.phase}" if in_phases and row.phase else title_of(row.metric)
    verdict = Cell(judgement_word(row.judgement, unit), TONES[row.judgement])
    if found is None:
        return (
            Cell(title),
            NO_FIGURE,
            Cell(format_value(row.value, unit)),
            NO_FIGURE,
            NO_FIGURE,
            verdict,
            NO_FIGURE,
            Cell("0"),
        )
    return (
        Cell(title),
        Cell(format_value(found.middle, unit)),
        Cell(format_value(row.value, unit)),
        Cell(_size(found, found.change, unit, signed=True), Tone.STRONG),
        Cell(_interval(found, unit)) if found.low is not None else NO_FIGURE,
        verdict,
        NO_FIGURE if found.detectable is None else Cell(_size(found, found.detectable, unit)),
        Cell(str(found.n)),
    )


def _size(found: Prediction, size: float, unit: str, *, signed: bool = False) -> str:
    """Return the size of a change: per cent of the earlier figure, or in the metric's unit."""
    sign = ("-" if size < 0 else "+") if signed else ""
    return sign + (f"{100 * abs(size):.2f} %" if found.relative else format_value(abs(size), unit))


def _interval(found: Prediction, unit: str) -> str:
    if found.low is None or found.high is None or found.basis is Basis.EXACT:
        return "always the same"
    return f"[{format_value(found.low, unit)}, {format_value(found.high, unit)}]"


def _remarks(judgement: RunJudgement, remarks: Sequence[str]) -> Iterator[Remarks]:
    yield Remarks("Failed, but not in earlier runs", tuple(Cell(line, Tone.ALARM) for line in judgement.regressions))
    suspect = [row for row in judgement.rows if row.judgement is Judgement.SUSPECT]
    yield Remarks("Suspect", tuple(Cell(f"{_name(row)}: {_doubt(row)}.", Tone.WARNING) for row in suspect))
    reasons: dict[str, list[str]] = {}
    for row in judgement.rows:
        if row.judgement is Judgement.UNKNOWN:
            reasons.setdefault(row.reason, []).append(_name(row))
    yield Remarks("Not judged", tuple(Cell(f"{_some(names)}: {why}.", Tone.WARNING) for why, names in reasons.items()))
    yield Remarks("Reliability", tuple(map(Cell, (*judgement.notes, *_levels(judgement), *remarks))))


def _doubt(row: JudgedFigure) -> str:
    """Return why a figure is only suspect."""
    found = row.prediction
    if row.reason or found is None:
        return row.reason
    if found.as_bad:
        return f"outside of what unchanged code gives, but {found.as_bad} of {found.n} earlier runs were as bad"
    return "outside of what unchanged code gives, but not by more than the margin"


def _levels(judgement: RunJudgement) -> Iterator[str]:
    """Tell for which figures runs from before a change of level are left out."""
    changed: dict[int, list[str]] = {}
    for row in judgement.rows:
        if row.prediction is not None and row.prediction.passed_over:
            changed.setdefault(row.prediction.n, []).append(_name(row))
    for n, names in changed.items():
        yield f"{_some(names)}: the level changed; judged by the {n} runs since then."


def _name(row: JudgedFigure) -> str:
    values = " × ".join(map(str, row.case.parameters.values()))
    return " ".join(filter(None, (title_of(row.metric), row.phase, values)))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _legend(judgement: RunJudgement) -> str:
    shared = counted(judgement.comparisons, "figure")
    return (
        f"unchanged code gives: an interval that {100 * LEVEL:g} of 100 runs of unchanged code leave on the bad side, "
        f"for any of {shared}; from the spread of {FEWEST_RUNS} earlier runs or more, else from the A/A floor. "
        "detectable change: a worsening that is an alarm in four of five runs. SUSPECT: outside of the interval on the "
        "bad side. SLOWER (LARGER, WORSE): beyond it by more than the margin, no earlier run was as bad, and hardly a "
        "process of one. FASTER …: the mirror image."
    )
