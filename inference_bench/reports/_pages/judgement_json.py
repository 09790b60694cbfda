"""A judgement as JSON, for a CI gate or a dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TextIO, TypedDict

from inference_bench.analysis.prediction_interval import LEVEL, Judgement, Prediction, judgement_word
from inference_bench.metrics import better_of, unit_of
from inference_bench.results.documents import CaseEntry
from inference_bench.results.serialization import case_to_plain, to_json

if TYPE_CHECKING:
    from inference_bench.results.judged_figure import JudgedFigure
    from inference_bench.results.run_judgement import RunJudgement

VERSION: Literal[1] = 1


class JudgedEntry(TypedDict):
    """One figure of the new run."""

    case: CaseEntry
    metric: str
    phase: str
    unit: str | None
    better: str | None
    value: float
    judgement: Judgement
    word: str
    reason: str
    prediction: Prediction | None


class JudgementDocument(TypedDict):
    """What ``compare`` prints of one new run, and ``run --gate``; docs/compare.md describes it."""

    judgement_version: Literal[1]
    exit_code: int
    new: str
    earlier: Sequence[str]
    level: float
    comparisons: int
    rows: Sequence[JudgedEntry]
    regressions: Sequence[str]
    remarks: Sequence[str]


def write_json(judgement: RunJudgement, remarks: Sequence[str], stream: TextIO) -> None:
    """Write one document."""
    document: JudgementDocument = {
        "judgement_version": VERSION,
        "exit_code": judgement.exit_code,
        "new": judgement.new.id,
        "earlier": [run.id for run in judgement.earlier],
        "level": LEVEL,
        "comparisons": judgement.comparisons,
        "rows": [_row(row) for row in judgement.rows],
        "regressions": list(judgement.regressions),
        "remarks": [*judgement.notes, *remarks],
    }
    stream.write(to_json(document).decode())


def _row(row: JudgedFigure) -> JudgedEntry:
    unit = unit_of(row.metric)
    return {
        "case": case_to_plain(row.case),
        "metric": row.metric,
        "phase": row.phase,
        "unit": unit,
        "better": better_of(row.metric),
        "value": row.value,
        "judgement": row.judgement,
        "word": judgement_word(row.judgement, unit),
        "reason": row.reason,
        "prediction": row.prediction,
    }
