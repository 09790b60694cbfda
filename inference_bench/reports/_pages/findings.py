"""From grades to a page: each case with its grade, then every finding once, with the cases it holds for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference_bench.analysis.trust.causes import cause_named
from inference_bench.analysis.trust.run import run_grade
from inference_bench.grade import Finding, Grade, Severity
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.reports._pages.slo_lines import slo_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inference_bench.plan import Case
    from inference_bench.results.run import Run

TONES = {"A": Tone.GOOD, "B": Tone.GOOD, "C": Tone.WARNING, "D": Tone.WARNING, "F": Tone.ALARM}
_SEVERITIES = {Severity.MINOR: Tone.QUIET, Severity.SERIOUS: Tone.WARNING, Severity.GRAVE: Tone.ALARM}

_SHOWN = 4
"""Cases of one kind of finding that are listed one by one."""

_LEGEND = (
    "A: no finding. B: minor ones only. C: one serious cause. D: several. F: a critical one. docs/trust.md lists every "
    "rule."
)

Graded = tuple["Case", Grade]


def page(run: Run, remarks: Sequence[str] = ()) -> Page:
    """Return a page on how far each case of a run can be trusted.

    Args:
        run: its cases bear their grades; one without a grade is left out.
        remarks: lines below the first, such as which rules made the grades.
    """
    graded = [(result.case, result.grade) for result in run.results if result.grade is not None]
    return Page(
        lines=(_verdict(run.record.id, graded), *(Cell(text) for text in remarks)),
        blocks=(Block(Cell("Trust and findings", Tone.STRONG), (), (_table(graded, Places(run.results)),)),),
        remarks=(*_objectives(run), *_of_run(run_grade(run.record)), *_of_cases(graded, Places(run.results))),
        legend=_LEGEND,
    )


def _objectives(run: Run) -> list[Remarks]:
    lines = tuple(slo_lines(run.results))
    return [Remarks("Objectives", lines)] if lines else []


def _verdict(run_id: str, graded: Iterable[Graded]) -> Cell:
    letters = Counter(grade.letter for _, grade in graded)
    worst = max(letters, default="A")
    each = ", ".join(f"{count} {letter}" for letter, count in sorted(letters.items()))
    return Cell(f"Run {run_id}: worst grade {worst}" + (f" ({each})" if len(letters) > 1 else ""), TONES[worst])


def _table(graded: Iterable[Graded], places: Places) -> Table:
    rows = tuple(
        (
            Cell(grade.letter, TONES[grade.letter]),
            Cell(places.name(case)),
            Cell(", ".join(_named(grade.findings))),
        )
        for case, grade in graded
    )
    return Table("Cases", (Column("grade"), Column("case"), Column("findings")), (rows,))


def _named(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the names of findings, those of one cause behind its name."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        groups.setdefault(finding.cause or finding.code, []).append(finding.code.replace("_", " "))
    for name, codes in groups.items():
        yield f"{name} ({', '.join(dict.fromkeys(codes))})" if cause_named(name) else name.replace("_", " ")


def _of_run(grade: Grade) -> list[Remarks]:
    return [_remark([finding], [Cell(finding.evidence, _SEVERITIES[finding.severity])]) for finding in grade.findings]


def _of_cases(graded: Iterable[Graded], places: Places) -> list[Remarks]:
    """Return each cause, or kind of finding, once: what was observed where, then its effect and the fix."""
    seen: dict[str, dict[Finding, list[Case]]] = {}
    for case, grade in graded:
        for finding in grade.findings:
            seen.setdefault(finding.cause or finding.code, {}).setdefault(finding, []).append(case)
    by_severity = sorted(seen.values(), key=lambda found: -max(finding.severity for finding in found))
    return [_remark(list(found), _places(found, places)) for found in by_severity]


def _places(found: Mapping[Finding, Sequence[Case]], places: Places) -> list[Cell]:
    listed = [(finding, places.names(cases)) for finding, cases in found.items()]
    by_code: dict[str, list[Cell]] = {}
    for finding, where in listed:
        sign = f"{finding.code.replace('_', ' ')}: " if finding.cause else ""
        text = f"{sign}{finding.evidence}" + (f" ({where})" if where else "")
        by_code.setdefault(finding.code, []).append(Cell(text, _SEVERITIES[finding.severity]))
    shown = [cell for cells in by_code.values() for cell in cells[:_SHOWN]]
    return shown + ([Cell(f"and {len(listed) - len(shown)} more", Tone.QUIET)] if len(listed) > len(shown) else [])


def _remark(findings: Sequence[Finding], evidence: Sequence[Cell]) -> Remarks:
    worst = max(findings, key=lambda finding: finding.severity)
    about = cause_named(worst.cause) or worst
    advice = (Cell(f"effect: {about.consequence}"), Cell(f"fix: {about.remedy}"))
    name = worst.cause or worst.code.replace("_", " ")
    return Remarks(f"{worst.severity.word}: {name}", (*evidence, *advice))
