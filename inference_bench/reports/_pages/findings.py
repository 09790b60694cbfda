"""From grades to a page: each case with its grade, then every finding once, with the cases it holds for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference_bench.analysis.trust.case import Finding, Grade, Severity
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Remarks, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_bench.plan import Case
    from inference_bench.results.run import Run

TONES = {"A": Tone.GOOD, "B": Tone.GOOD, "C": Tone.WARNING, "D": Tone.WARNING, "F": Tone.ALARM}
_SEVERITIES = {Severity.MINOR: Tone.QUIET, Severity.SERIOUS: Tone.WARNING, Severity.GRAVE: Tone.ALARM}

_SHOWN = 4
"""Cases of one kind of finding that are told one by one."""

_LEGEND = (
    "A: no finding. B: minor ones only. C: one serious. D: more than one serious. F: a grave one. docs/trust.md has "
    "every check."
)


def page(run: Run, grades: Sequence[Grade]) -> Page:
    """Say how far each case of a run can be trusted.

    Args:
        run: whose cases were graded.
        grades: of its results, in their order.
    """
    places = Places(run.results)
    letters = Counter(grade.letter for grade in grades)
    worst = max(letters, default="A")
    each = ", ".join(f"{count} {letter}" for letter, count in sorted(letters.items()))
    mixed = f" ({each})" if len(letters) > 1 else ""
    rows = tuple(
        (
            Cell(grade.letter, TONES[grade.letter]),
            Cell(places.name(result.case)),
            Cell(", ".join(finding.code.replace("_", " ") for finding in grade.findings)),
        )
        for result, grade in zip(run.results, grades, strict=True)
    )
    table = Table("Cases", (Column("grade"), Column("case"), Column("findings")), (rows,))
    return Page(
        lines=(Cell(f"Run {run.record.id}: worst grade {worst}{mixed}", TONES[worst]),),
        blocks=(Block(Cell("Can it be trusted?", Tone.STRONG), (), (table,)),),
        remarks=tuple(_remarks(run, grades, places)),
        legend=_LEGEND,
    )


def _remarks(run: Run, grades: Sequence[Grade], places: Places) -> list[Remarks]:
    """Say each kind of finding once: what was seen where, then what follows and what to do."""
    seen: dict[str, dict[Finding, list[Case]]] = {}
    for result, grade in zip(run.results, grades, strict=True):
        for finding in grade.findings:
            seen.setdefault(finding.code, {}).setdefault(finding, []).append(result.case)
    by_severity = sorted(seen.values(), key=lambda found: -max(finding.severity for finding in found))
    return [_remark(found, places) for found in by_severity]


def _remark(found: Mapping[Finding, Sequence[Case]], places: Places) -> Remarks:
    worst = max(found, key=lambda finding: finding.severity)
    listed = [(finding, places.names(cases)) for finding, cases in found.items()]
    lines = [
        Cell(finding.evidence + (f" ({where})" if where else ""), _SEVERITIES[finding.severity])
        for finding, where in listed[:_SHOWN]
    ]
    lines += [Cell(f"and {len(listed) - _SHOWN} more such", Tone.QUIET)] if len(listed) > _SHOWN else []
    advice = (Cell(f"so: {worst.consequence}"), Cell(f"do: {worst.remedy}"))
    return Remarks(f"{worst.severity.name.lower()}: {worst.code.replace('_', ' ')}", (*lines, *advice))
