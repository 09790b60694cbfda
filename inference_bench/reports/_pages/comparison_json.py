"""Comparisons as JSON, for a CI gate or a dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.analysis.comparison_result import Comparison, Comparisons, word
from inference_bench.metrics import better_of, unit_of
from inference_bench.reports._pages.verdict_sentence import sentence
from inference_bench.results.serialization import case_to_plain, plain, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.analysis.environment_differences import Difference

VERSION = 1


def write_json(
    compared: Sequence[Comparisons],
    differences: Sequence[Sequence[Difference]],
    remarks: Sequence[str],
    stream: TextIO,
) -> None:
    """Write one document; docs/compare.md describes it."""
    document = {
        "comparison_version": VERSION,
        "is_worse": any(found.is_worse for found in compared),
        "comparisons": [_comparison(found, different) for found, different in zip(compared, differences, strict=True)],
        "remarks": list(remarks),
    }
    stream.write(to_json(document).decode())


def _comparison(found: Comparisons, differences: Sequence[Difference]) -> dict[str, object]:
    return {
        "before": found.before,
        "after": found.after,
        "sentence": sentence(found),
        "paired": found.paired,
        "in_rounds": found.in_rounds,
        "level": found.level,
        "compared": plain(found.differing),
        "rows": [_row(row) for row in found.rows],
        "regressions": list(found.regressions),
        "unmatched": list(found.unmatched),
        "environment_differences": plain(list(differences)),
    }


def _row(row: Comparison) -> dict[str, object]:
    names = {"before": case_to_plain(row.before), "after": case_to_plain(row.after)}
    unit = unit_of(row.metric)
    figures = {name: value for name, value in plain(row).items() if name not in names}
    return {**names, "unit": unit, "better": better_of(row.metric), "word": word(row.verdict, unit), **figures}
