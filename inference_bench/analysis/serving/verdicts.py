"""Objectives judged by the requests of a case: PASS, FAIL or NOT ENOUGH DATA, and goodput."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import run_medians_estimate
from inference_bench.analysis.quantiles import quantile
from inference_bench.analysis.serving.queue_growth import queue_growth
from inference_bench.analysis.serving.request_figures import RequestFigures
from inference_bench.analysis.serving.share import LEVEL, least_share, most_share, needed_requests, worth
from inference_bench.result import Estimate, SloJudgement, SloOutcome, SloVerdict
from inference_bench.slo import Slo
from inference_bench.units import NS_PER_S, counted


def judge_slos(requests: RequestFigures, slos: Sequence[Slo], doubt: str = "") -> SloJudgement:
    """Judge objectives by the requests of one case.

    A PASS of all objectives needs a PASS of each, so each has the whole level (Berger 1982). A FAIL of one is enough to
    fail, so the objectives share the level of a FAIL.

    Args:
        requests: at least one.
        slos: at least one.
        doubt: why the requests say nothing of the server, such as a generator that was late; empty if they do.
    """
    growth = _growth(requests)
    verdicts = tuple(_verdict(requests, slo, len(slos), doubt, growth) for slo in slos)
    return SloJudgement(verdicts, _goodput(requests, slos), len(requests), growth)


def met(requests: RequestFigures, slo: Slo) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which requests are good, and of which that is unknown, shape (n,) each."""
    good = ~requests.failed & ~requests.unseen
    if slo.limit_ns is None:
        return good, requests.unseen
    figure = requests.figure(slo.metric)
    within = figure < slo.limit_ns if slo.is_strict else figure <= slo.limit_ns
    return good & within, requests.unseen | (good & np.isnan(figure))


def _verdict(requests: RequestFigures, slo: Slo, objectives: int, doubt: str, growth: str) -> SloVerdict:
    """Judge one objective; a request of which it is unknown whether it is good counts against either verdict."""
    good, unknown = met(requests, slo)
    n, bad = len(good), ~good & ~unknown
    figure = _figure(requests, slo, bad)
    each = worth([bad[rows] for rows in requests.by_run()], [figure[rows] for rows in requests.by_run()])
    least = least_share(each * good.sum(), each * n)
    most = most_share(each * (good | unknown).sum(), each * n, 1 - (1 - LEVEL) / objectives)
    outcome = SloOutcome.PASS if least >= slo.share else SloOutcome.FAIL if most < slo.share else SloOutcome.OPEN
    reason = doubt or (growth if outcome is not SloOutcome.FAIL else "")
    if outcome is SloOutcome.OPEN and not reason:
        reason = _lack(slo, n, int(bad.sum()), int(unknown.sum()), each)
    return SloVerdict(
        slo=slo.text,
        outcome=SloOutcome.OPEN if reason else outcome,
        requests=n,
        good=int(good.sum()),
        unknown=int(unknown.sum()),
        worth=each * n,
        asked=slo.share,
        least=least,
        most=most,
        value_ns=_observed(figure, slo),
        reason=reason,
    )


def _figure(requests: RequestFigures, slo: Slo, bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what the requests are judged by; a failed or an unknown one is infinite."""
    if slo.limit_ns is None:
        return bad.astype(np.float64)
    figure = requests.figure(slo.metric)
    return np.where(requests.failed | np.isnan(figure), math.inf, figure)


def _observed(figure: NDArray[np.float64], slo: Slo) -> float | None:
    """Return the quantile that the objective names; None if it is that of a failed request, or there is no limit."""
    value = quantile(np.sort(figure), slo.share) if slo.limit_ns is not None else math.inf
    return value if math.isfinite(value) else None


def _lack(slo: Slo, n: int, bad: int, unknown: int, each: float) -> str:
    """Return what a PASS needs, for requests that are too few."""
    if unknown > n * (1 - slo.share):
        what = "end" if slo.limit_ns is None else slo.metric
        return f"{counted(unknown, 'request')} of {n:,} without a known {what}"
    needed = needed_requests(slo.share, bad / n)
    needs = "too few for a FAIL" if needed is None else f"a PASS needs about {math.ceil(needed / each):,} requests"
    return needs if each > 0.99 else f"{needs}: {n:,} of them are worth {each * n:,.0f} independent ones"


def _growth(requests: RequestFigures) -> str:
    """Return in how many runs the queue grew, and how far; empty if in none."""
    runs = list(requests.by_run())
    found = [queue_growth(requests.planned_ns[rows], requests.ended_ns[rows]) for rows in runs]
    grown = [growth for growth in found if growth]
    if not grown:
        return ""
    largest = max(grown, key=lambda growth: growth.last)
    return str(largest) if len(runs) == 1 else f"in {len(grown)} of {len(runs)} runs {largest}"


def _goodput(requests: RequestFigures, slos: Sequence[Slo]) -> Estimate:
    """Return the good requests per second with its interval: over runs, or over the requests of the only run."""
    good = np.logical_and.reduce([met(requests, slo)[0] for slo in slos])
    runs = list(requests.by_run())
    rates = np.array([_rate(requests, rows) * good[rows].mean() for rows in runs])
    if len(runs) > 1:
        return run_medians_estimate(rates)
    figures = [_figure(requests, slo, ~good) for slo in slos]
    each = min(worth([~good], [figure]) for figure in figures)
    of_good, n, level = each * good.sum(), each * len(good), (1 + LEVEL) / 2
    rate = _rate(requests, runs[0])
    low, high = least_share(of_good, n, level) * rate, most_share(of_good, n, level) * rate
    return Estimate(float(rates[0]), low, high, "Clopper-Pearson of the share of good requests")


def _rate(requests: RequestFigures, rows: NDArray[np.intp]) -> float:
    """Return the answered and failed requests per second of one run, from the first planned time to the last end."""
    window_ns = int(requests.ended_ns[rows].max() - requests.planned_ns[rows].min())
    return len(rows) * NS_PER_S / max(1, window_ns)
