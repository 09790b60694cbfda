"""From advice to a page: what limits each case, the experiments that follow, and what came of those carried out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from inference_bench.analysis.advice.advice import Outcome
from inference_bench.analysis.advice.intervals import as_factor
from inference_bench.analysis.advice.proof import ProofVerdict
from inference_bench.reports._pages.ceilings_remarks import busy_remark
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference_bench.analysis.advice.advice import CaseAdvice, ClassFinding, Experiment
    from inference_bench.analysis.advice.proof import Proof
    from inference_bench.results.advice_file import StoredAdvice

PROGRAM = "python -m inference_bench"
_TONES = {ProofVerdict.HOLDS: Tone.GOOD, ProofVerdict.REFUTED: Tone.ALARM, ProofVerdict.OPEN: Tone.WARNING}
_COMMANDS = 3
"""Commands that a page shows: those that ``--prove`` carries out unless it is told how many."""
_LEGEND = (
    "predicted: times as fast as now, from the figures of the class. [low, high]: 95 % interval. docs/advice.md lists "
    "every class, its figures and its threshold."
)


def page(stored: StoredAdvice, remarks: Sequence[str] = ()) -> Page:
    """Return a page on the advice on a run.

    Args:
        stored: the advice, and the proofs so far.
        remarks: lines below the first, such as why no ceilings are known.
    """
    advice = stored.advice
    ceilings = f"held against the ceilings of {advice.ceilings_utc}" if advice.ceilings_utc else "no ceilings known"
    lines = (
        Cell(f"Run {advice.run}: {_verdict(advice.cases)}", Tone.STRONG),
        Cell(ceilings),
        *(Cell(remark, Tone.WARNING) for remark in map(busy_remark, stored.ceilings) if remark),
        *map(Cell, remarks),
    )
    return Page(
        lines=lines,
        blocks=tuple(_block(case) for case in advice.cases),
        remarks=tuple(_proofs(stored.proofs)),
        legend=_LEGEND,
    )


def _verdict(cases: Sequence[CaseAdvice]) -> str:
    """Return the classes of all cases, each once."""
    named = dict.fromkeys(f"{finding.phase} {finding.title}" for case in cases for finding in case.named)
    return ", ".join(named) or "no class can be named"


def _block(case: CaseAdvice) -> Block:
    heading = Cell(case.case.slug, Tone.STRONG)
    if case.problem:
        return Block(heading, (Cell(case.problem, Tone.WARNING),), ())
    tables = (_table(case.experiments),) if case.experiments else ()
    return Block(heading, tuple(_findings(case)), tables, tuple(_left_out(case)))


def _findings(case: CaseAdvice) -> Iterator[Cell]:
    """Yield the classes of a case with their figures, then those of which it cannot be told, then the others."""
    for finding in case.named:
        yield Cell(f"{_named(finding)}: {finding.evidence}.", Tone.WARNING)
    for needs, findings in _by_needs(case.open).items():
        yield Cell(f"cannot tell: {', '.join(map(_named, findings))}. What would tell: {needs}.")
    others = [finding for finding in case.findings if finding.outcome is Outcome.FAILS]
    if others:
        yield Cell(f"not: {', '.join(map(_named, others))}.", Tone.QUIET)


def _by_needs(findings: Iterable[ClassFinding]) -> dict[str, list[ClassFinding]]:
    found: dict[str, list[ClassFinding]] = {}
    for finding in findings:
        found.setdefault(finding.needs, []).append(finding)
    return found


def _named(finding: ClassFinding) -> str:
    return f"{finding.phase} {finding.title}"


def _table(experiments: Sequence[Experiment]) -> Table:
    columns = (Column("change"), Column("of"), Column("predicted", numeric=True), Column("because"), Column("as"))
    groups = [
        tuple(_row(each) for each in experiments if each.is_counterfactual == counterfactual)
        for counterfactual in (False, True)
    ]
    return Table(
        "Experiments, best first; those below the line prove the class by what they do not bring",
        columns,
        tuple(group for group in groups if group),
        below=tuple(_commands(experiments)),
        is_sortable=False,
    )


def _commands(experiments: Sequence[Experiment]) -> Iterator[Cell]:
    """Yield the commands of the first experiments, and where those of the others are."""
    commands = tuple(dict.fromkeys(command_line(each) for each in experiments))
    yield from map(Cell, commands[:_COMMANDS])
    if len(commands) > _COMMANDS:
        others = counted(len(commands) - _COMMANDS, "further command")
        yield Cell(f"{others}: --json; `advise --prove N` carries the first N out.", Tone.QUIET)


def _row(experiment: Experiment) -> tuple[Cell, ...]:
    return (
        Cell(experiment.change),
        Cell(f"{experiment.phase} ({experiment.metric})"),
        Cell(as_factor(experiment.predicted), Tone.QUIET if experiment.is_counterfactual else Tone.GOOD),
        Cell(experiment.because.replace("_", " ")),
        Cell(experiment.how),
    )


def command_line(experiment: Experiment) -> str:
    """Return the command that carries an experiment out, as it is typed."""
    return f"{PROGRAM} {shlex.join(experiment.command)}"


def _left_out(case: CaseAdvice) -> Iterator[Cell]:
    for each in case.left_out:
        yield Cell(f"left out: {each.change} ({each.phase}): {each.reason}", Tone.QUIET)


def _proofs(proofs: Sequence[Proof]) -> Iterator[Remarks]:
    if proofs:
        lines = (Cell(f"{_subject(proof)}: {proof.sentence}", _TONES[proof.verdict]) for proof in proofs)
        yield Remarks("Proofs", (*lines, Cell(summary(proofs))))


def _subject(proof: Proof) -> str:
    experiment = proof.experiment
    return f"{experiment.change or 'as given'}, {experiment.phase} of case {proof.case}"


def summary(proofs: Iterable[Proof]) -> str:
    """Return how many predictions held."""
    verdicts = [proof.verdict for proof in proofs]
    counts = {verdict: verdicts.count(verdict) for verdict in ProofVerdict}
    return (
        f"{counts[ProofVerdict.HOLDS]} of {counted(len(verdicts), 'prediction')} held, "
        f"{counts[ProofVerdict.REFUTED]} refuted, of {counts[ProofVerdict.OPEN]} it cannot be told"
    )
