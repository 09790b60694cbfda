"""Where the time of requests goes, over both sides: durations of their stages, and the rows of a table. Pure functions.

The client measured some of the stages, the server others; ``endpoint.join`` puts both on one clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import median_estimate
from inference_bench.result import Estimate, Requests

STAGES = {
    "dispatch": "planned instant to the first byte sent, without connecting",
    "connect": "connecting, with TLS",
    "to server": "first byte sent until the server's application is called: network, reading and parsing the request",
    "queue": "until its first generation begins: waiting, applying the chat template, tokenizing",
    "prefill": "until the first token",
    "decode": "until the last token",
    "hand over": "until the application hands the last byte to its HTTP server",
    "to client": "until that byte has arrived: writing, network",
}
"""The stages of a request in their order, each from the end of the one before."""

RESIDUAL, TOTAL = "residual", "total"

_OTHERS = {
    RESIDUAL: "the total without all stages: between generations, and the drift between two clocks",
    TOTAL: "planned instant to the arrival of the last byte",
}


@dataclass(frozen=True, slots=True)
class StageDurations:
    """The stages of requests that both sides recorded.

    Attributes:
        stages_ns: durations, shape (requests, stages), the stages in the order of ``STAGES``.
        totals_ns: from the planned instant to the arrival of the last byte, shape (requests,).
    """

    stages_ns: NDArray[np.int64]
    totals_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.totals_ns)

    @property
    def residuals_ns(self) -> NDArray[np.int64]:
        """What the stages leave of the total, shape (requests,)."""
        residuals: NDArray[np.int64] = self.totals_ns - self.stages_ns.sum(axis=1)
        return residuals


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


def has_both_sides(requests: Requests) -> NDArray[np.bool_]:
    """Return which rows are of requests that the server told its stages of, shape (rows,)."""
    known: NDArray[np.bool_] = requests.server_received_ns >= 0
    return known


def stage_durations(requests: Requests, rows: NDArray[np.intp]) -> StageDurations:
    """Return the durations of rows that all have both sides.

    Args:
        requests: the table of a case.
        rows: numbers of the rows, shape (requests,).
    """
    of = {name: getattr(requests, name)[rows] for name in _TIMES}
    connect_ns = of["connect_ns"] + of["tls_ns"]
    columns = (
        of["sent_ns"] - of["planned_ns"] - connect_ns,
        connect_ns,
        of["server_received_ns"] - of["sent_ns"],
        of["queue_ns"],
        of["prefill_ns"],
        of["decode_ns"],
        of["hand_over_ns"],
        of["ended_ns"] - of["server_sent_ns"],
    )
    return StageDurations(np.stack(columns, axis=1), of["ended_ns"] - of["planned_ns"])


_TIMES = (
    *("planned_ns", "sent_ns", "connect_ns", "tls_ns", "server_received_ns", "queue_ns", "prefill_ns", "decode_ns"),
    *("hand_over_ns", "server_sent_ns", "ended_ns"),
)


def stage_rows(durations: StageDurations) -> list[StageRow]:
    """Return a row per stage, then the residual and the total; none where there is no request."""
    return list(_rows(durations)) if len(durations) else []


def _rows(durations: StageDurations) -> Iterator[StageRow]:
    columns = [*durations.stages_ns.T, durations.residuals_ns, durations.totals_ns]
    whole_ns = int(durations.totals_ns.sum())
    for (stage, meaning), values in zip((STAGES | _OTHERS).items(), columns, strict=True):
        yield StageRow(stage, meaning, median_estimate(values), int(values.sum()) / whole_ns if whole_ns else 0.0)
