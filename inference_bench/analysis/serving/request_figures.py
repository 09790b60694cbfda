"""The requests of one case, one row each, as objectives are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_bench.result import Requests, Samples, Stage
from inference_bench.slo import METRICS_OF_SLO

LATENCY = "request_latency"

_UNSEEN = ("interrupted", "unsent")
"""Outcomes of requests whose end was not waited for."""

_NEVER_NS = np.iinfo(np.int64).max
"""End of a request that did not end."""


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """The measured requests of one case, in the order of their planned times within each run.

    Attributes:
        run: fresh process, from 0, shape (n,).
        planned_ns: when each should be sent, shape (n,).
        ended_ns: when its answer or its failure was complete, shape (n,).
        failed: whether it has no proper answer, shape (n,).
        unseen: whether its end was not waited for, shape (n,).
        figures: metric → nanoseconds of each request, NaN where unknown, shape (n,) each.
    """

    run: NDArray[np.int32]
    planned_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    failed: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    figures: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.run)

    def by_run(self) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of each run."""
        return (np.flatnonzero(self.run == run) for run in np.unique(self.run))

    def figure(self, metric: str) -> NDArray[np.float64]:
        """Return a metric's nanoseconds of each request; NaN for all of them if none was measured."""
        return self.figures.get(metric, np.full(len(self), np.nan))


def request_figures(samples: Samples | None, requests: Requests | None) -> RequestFigures | None:
    """Return the requests of a load; None if there are none.

    Request i of the measured ones is iteration i + 1 of the samples. An answer that is not what was asked for has no
    samples, so its figures are unknown. Runs that were stored before there was a table of requests have samples only;
    none of their requests failed, because a failed one ended the case.
    """
    if requests is not None:
        return _of_requests(requests, samples)
    return None if samples is None else _of_samples(samples)


def _of_requests(table: Requests, samples: Samples | None) -> RequestFigures | None:
    rows = _in_order(np.flatnonzero(table.stage == Stage.MEASURED.value), table.run, table.planned_ns)
    if not len(rows):
        return None
    outcome, ended_ns = table.outcome[rows], table.ended_ns[rows]
    unseen = np.isin(outcome, _UNSEEN)
    return RequestFigures(
        run=table.run[rows],
        planned_ns=table.planned_ns[rows],
        ended_ns=np.where(ended_ns < 0, _NEVER_NS, ended_ns),
        failed=~unseen & ((outcome != "ok") | (table.last_content_ns[rows] < 0)),
        unseen=unseen,
        figures=_figures(samples, table.run[rows], table.request[rows] + 1),
    )


def _of_samples(samples: Samples) -> RequestFigures | None:
    is_request = (samples.stage == Stage.MEASURED.value) & (samples.metric == LATENCY)
    rows = _in_order(np.flatnonzero(is_request), samples.run, samples.start_ns)
    if not len(rows):
        return None
    planned_ns, none = samples.start_ns[rows], np.zeros(len(rows), bool)
    figures = _figures(samples, samples.run[rows], samples.iteration[rows])
    return RequestFigures(samples.run[rows], planned_ns, planned_ns + samples.value[rows], none, none, figures)


def _in_order(rows: NDArray[np.intp], run: NDArray[np.int32], planned_ns: NDArray[np.int64]) -> NDArray[np.intp]:
    return rows[np.lexsort((planned_ns[rows], run[rows]))]


def _figures(
    samples: Samples | None, run: NDArray[np.int32], iteration: NDArray[np.int32]
) -> dict[str, NDArray[np.float64]]:
    """Return the figures of the requests that these runs and iterations are."""
    if samples is None:
        return {}
    place = {key: row for row, key in enumerate(zip(run.tolist(), iteration.tolist(), strict=True))}
    found: dict[str, NDArray[np.float64]] = {}
    for metric in METRICS_OF_SLO.values():
        rows = np.flatnonzero((samples.metric == metric) & (samples.stage == Stage.MEASURED.value))
        keys = zip(samples.run[rows].tolist(), samples.iteration[rows].tolist(), strict=True)
        places = np.array([place.get(key, -1) for key in keys], np.intp)
        found[metric] = np.full(len(run), np.nan)
        found[metric][places[places >= 0]] = samples.value[rows[places >= 0]]
    return found
