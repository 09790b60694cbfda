"""A join as rows of a table: where the time of a request goes, over both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from inference_bench.analysis.estimates import median_estimate
from inference_bench.endpoint.join import STAGES, Join
from inference_bench.result import Estimate

_OTHERS = {
    "residual": "the total without all stages: between generations, and the drift between two clocks",
    "total": "planned instant to the arrival of the last byte",
}


class StageRow(NamedTuple):
    """One stage of all requests.

    Attributes:
        stage: its name.
        meaning: from when to when.
        median_ns: with its 95 % interval.
        share: its part of the total time of all requests together; these sum up to 1, the total's aside.
    """

    stage: str
    meaning: str
    median_ns: Estimate
    share: float


def stage_rows(join: Join) -> list[StageRow]:
    """Return a row per stage, then the residual and the total; none where no request was joined."""
    return list(_rows(join)) if join.requests else []


def _rows(join: Join) -> Iterator[StageRow]:
    totals = [each.total_ns for each in join.requests]
    columns: list[Sequence[int]] = [*zip(*(each.durations_ns for each in join.requests), strict=True)]
    columns += [[each.residual_ns for each in join.requests], totals]
    for (stage, meaning), values in zip((STAGES | _OTHERS).items(), columns, strict=True):
        share = sum(values) / sum(totals) if sum(totals) else 0.0
        yield StageRow(stage, meaning, median_estimate(np.array(values, np.int64)), share)
