"""Comparisons as JSON, for a CI gate or a dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TextIO, TypedDict

from inference_bench.analysis.comparison_result import Comparison, Comparisons, word
from inference_bench.analysis.environment_differences import Difference
from inference_bench.metrics import better_of, unit_of
from inference_bench.reports._pages.verdict_sentence import sentence
from inference_bench.results.documents import CaseEntry
from inference_bench.results.json_schema import Also
from inference_bench.results.serialization import case_to_plain, plain, to_json

VERSION: Literal[1] = 1


class RowEntry(TypedDict):
    """What a row has besides the fields of ``Comparison``."""

    before: CaseEntry
    after: CaseEntry
    unit: str | None
    better: str | None
    word: str


class ComparisonEntry(TypedDict):
    """One candidate against the baseline."""

    before: str
    after: str
    sentence: str
    paired: bool
    in_rounds: bool
    level: float
    compared: Mapping[str, tuple[object, object]]
    machines: Sequence[str]
    rows: Sequence[Annotated[RowEntry, Also(Comparison)]]
    regressions: Sequence[str]
    unmatched: Sequence[str]
    environment_differences: Sequence[Difference]


class ComparisonDocument(TypedDict):
    """What ``compare``, ``ab``, ``noise`` and ``overlap`` print; docs/compare.md describes it."""

    comparison_version: Literal[1]
    is_worse: bool
    comparisons: Sequence[ComparisonEntry]
    remarks: Sequence[str]


def write_json(
    compared: Sequence[Comparisons],
    differences: Sequence[Sequence[Difference]],
    remarks: Sequence[str],
    stream: TextIO,
) -> None:
    """Write one document."""
    document: ComparisonDocument = {
        "comparison_version": VERSION,
        "is_worse": any(found.is_worse for found in compared),
        "comparisons": [_comparison(found, different) for found, different in zip(compared, differences, strict=True)],
        "remarks": list(remarks),
    }
    stream.write(to_json(document).decode())


def _comparison(found: Comparisons, differences: Sequence[Difference]) -> ComparisonEntry:
    return {
        "before": found.before,
        "after": found.after,
        "sentence": sentence(found),
        "paired": found.paired,
        "in_rounds": found.in_rounds,
        "level": found.level,
        "compared": plain(found.differing),
        "machines": plain(found.machines),
        "rows": [_row(row) for row in found.rows],
        "regressions": list(found.regressions),
        "unmatched": list(found.unmatched),
        "environment_differences": plain(list(differences)),
    }


def _row(row: Comparison) -> RowEntry:
    unit = unit_of(row.metric)
    own: RowEntry = {
        "before": case_to_plain(row.before),
        "after": case_to_plain(row.after),
        "unit": unit,
        "better": better_of(row.metric),
        "word": word(row.verdict, unit),
    }
    figures: RowEntry = plain(row)  # which has the fields of ``Comparison``
    return {**own, **figures, **own}
