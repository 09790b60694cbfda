"""What experiments were predicted to bring, and what they brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Mark, Point, Series, Shape
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.run_advice import stored_advice

if TYPE_CHECKING:
    from inference_bench.analysis.advice.advice import Experiment
    from inference_bench.analysis.advice.proof import Proof
    from inference_bench.ceilings import Interval
    from inference_bench.reports._figures.setups import Setups
    from inference_bench.results.run import Run

_MOST = 24

Tried = tuple["Experiment", "Proof | None"]


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart: each experiment's predicted band, and the latest measured interval; nothing without advice."""
    stored = stored_advice(run)
    if stored is None:
        return
    proofs = {_key(proof.case, proof.experiment): proof for proof in stored.proofs}
    wanted = {_key(of.case.id, each): each for of in stored.advice.cases for each in of.experiments}
    tried = {key: (each, proofs.get(key)) for key, each in wanted.items()}
    tried |= {key: (proof.experiment, proof) for key, proof in proofs.items() if key not in wanted}
    if tried:
        yield _figure(list(tried.values())[:_MOST])


def _key(case: str, experiment: Experiment) -> tuple[str, str, str, str]:
    return case, experiment.change, experiment.phase, experiment.metric


def _figure(tried: Sequence[Tried]) -> Figure:
    title = "Advice: predicted and measured speed-up"
    predicted = tuple(
        Point(
            each.predicted.high,
            place,
            start=each.predicted.low,
            text=f"{_name(each)} · predicted {_words(each.predicted)}",
        )
        for place, (each, _) in enumerate(tried)
    )
    measured = tuple(
        Point(
            proof.measured.value,
            place,
            x_ends=(proof.measured.low, proof.measured.high),
            text=f"{_name(each)} · {proof.sentence}",
        )
        for place, (each, proof) in enumerate(tried)
        if proof is not None and proof.measured is not None
    )
    values = [end for each, _ in tried for end in (each.predicted.low, each.predicted.high)]
    values += [end for point in measured for end in (point.x, *(point.x_ends or ()))]
    return Figure(
        title,
        axes.numbers("times as fast as now", [1.0, *values], from_zero=False),
        axes.names([_name(each) for each, _ in tried]),
        [
            Series("predicted", "c5", Shape.BARS, predicted, is_pale=True),
            *([Series("measured", "c1", Shape.POINTS, measured)] if measured else []),
        ],
        _table(title, tried),
        marks=(Mark(1.0, "as now"),),
        note="A prediction whose band and the measured interval have nothing in common is refuted.",
    )


def _name(experiment: Experiment) -> str:
    return f"{experiment.change or 'as given'}, {experiment.phase}"


def _words(of: Interval) -> str:
    return f"×{of.value:.2f} [{of.low:.2f}, {of.high:.2f}]"


def _table(title: str, tried: Sequence[Tried]) -> Table:
    columns = (
        Column("experiment"),
        Column("predicted", numeric=True),
        Column("measured", numeric=True),
        Column("verdict"),
    )
    rows = tuple(
        (
            (
                Cell(_name(each)),
                Cell(_words(each.predicted)),
                Cell(_words(proof.measured) if proof and proof.measured else "–"),
                Cell(proof.verdict.value if proof else "not tried"),
            ),
        )
        for each, proof in tried
    )
    return Table(title, columns, rows)
