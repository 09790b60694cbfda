"""A judgement as JSON, for a CI gate or a dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.analysis.prediction_interval import LEVEL, judgement_word
from inference_bench.metrics import better_of, unit_of
from inference_bench.results.serialization import case_to_plain, plain, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.results.judged_figure import JudgedFigure
    from inference_bench.results.run_judgement import RunJudgement

VERSION = 1


def write_json(judgement: RunJudgement, remarks: Sequence[str], stream: TextIO) -> None:
    """Write one document; docs/compare.md describes it."""
    document = {
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


def _row(row: JudgedFigure) -> dict[str, object]:
    unit = unit_of(row.metric)
    return {
        "case": case_to_plain(row.case),
        "metric": row.metric,
        "phase": row.phase,
        "unit": unit,
        "better": better_of(row.metric),
        "value": row.value,
        "judgement": row.judgement.value,
        "word": judgement_word(row.judgement, unit),
        "reason": row.reason,
        "prediction": None if row.prediction is None else plain(row.prediction),
    }
