"""The requests of one case, one row each, as objectives are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_bench.result import Samples, Stage

TTFT, TPOT, LATENCY, LAG, ITL = "request_ttft", "tpot", "request_latency", "dispatch_lag", "itl"


@dataclass(frozen=True, slots=True)
class Requests:
    """The measured requests of one case, in the order of their planned times within each run.

    Attributes:
        run: fresh process, from 0, shape (n,).
        planned_ns: when each should be sent, shape (n,).
        ended_ns: when its answer or its failure was complete, shape (n,).
        failed: whether it has no proper answer, shape (n,).
        figures: metric → nanoseconds of each request, NaN where unknown, shape (n,) each.
    """

    run: NDArray[np.int32]
    planned_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    failed: NDArray[np.bool_]
    figures: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.run)

    def by_run(self) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of each run."""
        return (np.flatnonzero(self.run == run) for run in np.unique(self.run))


def requests_of_samples(samples: Samples) -> Requests | None:
    """Return the requests that samples of a load describe; None if they describe none.

    A request is a measured iteration with a latency. None of them failed, because a request that fails ends its case.
    """
    measured = samples.stage == Stage.MEASURED.value
    rows = np.flatnonzero(measured & (samples.metric == LATENCY))
    if not len(rows):
        return None
    rows = rows[np.lexsort((samples.start_ns[rows], samples.run[rows]))]
    places = {key: place for place, key in enumerate(_keys(samples, rows))}

    def totals(metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sum of a metric's values in each request, and how many there are."""
        of_metric = np.flatnonzero(measured & (samples.metric == metric))
        at = np.array([places.get(key, -1) for key in _keys(samples, of_metric)], np.intp)
        of_metric, at = of_metric[at >= 0], at[at >= 0]
        sums, counts = (np.bincount(at, each, len(rows)) for each in (samples.value[of_metric], np.ones(len(at))))
        return sums.astype(np.float64), counts.astype(np.float64)

    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: unknown
        figures = {metric: np.divide(*totals(metric)) for metric in (TTFT, LATENCY, LAG)}
        figures[TPOT] = np.divide(*totals(ITL))
    planned_ns = samples.start_ns[rows]
    return Requests(
        run=samples.run[rows],
        planned_ns=planned_ns,
        ended_ns=planned_ns + samples.value[rows],
        failed=np.zeros(len(rows), bool),
        figures=figures,
    )


def _keys(samples: Samples, rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return run and iteration of each row."""
    return list(zip(samples.run[rows].tolist(), samples.iteration[rows].tolist(), strict=True))
