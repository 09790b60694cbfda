"""From a case's samples to its summaries, one per metric and phase. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.dependence import Dependence, dependence, efficiency, worth_of
from inference_bench.analysis.estimates import quantile_estimate, run_medians_estimate
from inference_bench.analysis.modes import modes
from inference_bench.analysis.outliers import SEVERE, tukey_fences, tukey_outliers
from inference_bench.analysis.quantiles import LEVEL, Values, quantile
from inference_bench.analysis.steady_state import Steadiness, steadiness
from inference_bench.metrics import QUANTILES
from inference_bench.result import Estimate, Samples, Stage, Summary


@dataclass(frozen=True, slots=True)
class MetricSamples:
    """The measured samples of one metric in one phase.

    Attributes:
        metric: tag.
        phase: as in ``Samples``.
        values: at least one, each run's in order of time, shape (n,).
        runs: the run of each value, shape (n,).
        cold: the first run's cold observation, or None.
        disturbed: the values of iterations that were interfered with; None if this was not recorded.
        beside_loader: values that were measured while another model loaded.
    """

    metric: str
    phase: str
    values: NDArray[np.int64]
    runs: NDArray[np.int32]
    cold: float | None = None
    disturbed: NDArray[np.int64] | None = None
    beside_loader: int = 0

    @property
    def by_run(self) -> list[NDArray[np.int64]]:
        """The values of each run, in order of time."""
        return [self.values[self.runs == run] for run in np.unique(self.runs)]


def summarise(
    samples: MetricSamples, *, converged: bool = True, stop_reason: str = "", level: float = LEVEL
) -> Summary:
    """Return the statistics of one metric in one phase.

    With one run the intervals hold for that process (scope ``run``). With more, they hold for fresh processes (scope
    ``runs``): p50 is the median of the run medians; the other quantiles are pooled, and their intervals count each run
    as one batch, so that few runs that differ give a wide interval or none.

    Args:
        samples: what was measured.
        converged: whether the stopping rule was met.
        stop_reason: why sampling stopped.
        level: confidence level.
    """
    ordered, by_run = np.sort(samples.values), samples.by_run
    dependences = [dependence(run) for run in by_run]
    mild, severe = tukey_outliers(ordered)
    return Summary(
        metric=samples.metric,
        phase=samples.phase,
        n=len(ordered),
        runs=len(by_run),
        scope="run" if len(by_run) == 1 else "runs",
        level=level,
        cold=samples.cold,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        mean=float(samples.values.mean()),
        quantiles=_quantiles(by_run, ordered, dependences, level),
        autocorrelation=_mean_autocorrelation(by_run, dependences),
        effective_n=_effective_n(by_run, dependences, level),
        outliers_mild=mild,
        outliers_severe=severe,
        converged=converged,
        stop_reason=stop_reason,
        steadiness=max(map(steadiness, by_run), key=list(Steadiness).index).value,
        modes=max(map(modes, by_run), key=len),
        interfered=0 if samples.disturbed is None else len(samples.disturbed),
        outliers_interfered=_severe_among(samples.disturbed, ordered),
        beside_loader=samples.beside_loader,
    )


def _quantiles(
    by_run: Sequence[NDArray[np.int64]], ordered: Values, dependences: Sequence[Dependence], level: float
) -> dict[str, Estimate]:
    if len(by_run) == 1:
        return _one_run_quantiles(by_run[0], ordered, dependences[0], level)
    return _many_run_quantiles(by_run, ordered, level)


def _one_run_quantiles(values: Values, ordered: Values, found: Dependence, level: float) -> dict[str, Estimate]:
    def estimate(p: float) -> Estimate:
        worth = worth_of(values, quantile(ordered, p), found, level)
        return quantile_estimate(ordered, p, level, worth, is_sorted=True)

    return {name: estimate(p) for name, p in QUANTILES.items()}


def _many_run_quantiles(by_run: Sequence[NDArray[np.int64]], ordered: Values, level: float) -> dict[str, Estimate]:
    medians = np.array([quantile(np.sort(run), 0.5) for run in by_run])
    tails = {name: _pooled_estimate(by_run, ordered, p, level) for name, p in QUANTILES.items() if name != "p50"}
    return {"p50": run_medians_estimate(medians, level), **tails}


def _pooled_estimate(by_run: Sequence[NDArray[np.int64]], ordered: Values, p: float, level: float) -> Estimate:
    """Return the quantile of all runs' samples, with an interval that counts each run as a batch."""
    n, cut = len(ordered), quantile(ordered, p)
    share = float(np.searchsorted(ordered, cut, "right")) / n
    sums = np.array([np.count_nonzero(run <= cut) - share * len(run) for run in by_run])
    worth = n * efficiency(sums, n, share, level)
    estimate = quantile_estimate(ordered, p, level, worth, is_sorted=True)
    method = f"pooled over runs, {estimate.method}" if estimate.method else "pooled over runs, no interval"
    return replace(estimate, method=method)


def _mean_autocorrelation(by_run: Sequence[NDArray[np.int64]], dependences: Sequence[Dependence]) -> float | None:
    """Return the mean within runs only: the step from one run to the next is not a step in time."""
    pairs = zip(by_run, dependences, strict=True)
    known = [(len(run), of.autocorrelation) for run, of in pairs if of.autocorrelation is not None]
    return sum(n * rho for n, rho in known) / sum(n for n, _ in known) if known else None


def _effective_n(by_run: Sequence[NDArray[np.int64]], dependences: Sequence[Dependence], level: float) -> float:
    pairs = zip(by_run, dependences, strict=True)
    return sum(worth_of(run, quantile(np.sort(run), 0.5), found, level) for run, found in pairs)


def _severe_among(disturbed: NDArray[np.int64] | None, ordered: Values) -> int:
    """Count the severe outliers among the disturbed samples."""
    if disturbed is None:
        return 0
    low, high = tukey_fences(ordered, SEVERE)
    return int(np.count_nonzero((disturbed < low) | (disturbed > high)))


def summarise_samples(
    samples: Samples,
    converged: Mapping[str, bool] | None = None,
    stop_reasons: Mapping[str, str] | None = None,
    level: float = LEVEL,
) -> tuple[Summary, ...]:
    """Return a summary per metric and phase over the measured samples, in order of first appearance.

    Args:
        samples: rows of each run in order of time.
        converged: by metric, whether the stopping rule was met; a metric that was no target counts as converged if all
            targets are.
        stop_reasons: by metric, why sampling stopped.
        level: confidence level.
    """
    targets, reasons = converged or {}, stop_reasons or {}
    return tuple(
        summarise(
            group,
            converged=targets.get(group.metric, all(targets.values())),
            stop_reason=reasons.get(group.metric, ""),
            level=level,
        )
        for group in _groups(samples)
    )


def _groups(samples: Samples) -> Iterator[MetricSamples]:
    """Yield the measured samples of each metric and phase."""
    is_measured = samples.stage == Stage.MEASURED.value
    is_cold = samples.stage == Stage.COLD.value
    if len(samples):
        is_cold &= samples.run == samples.run.min()
    for metric in distinct(samples.metric):
        of_metric = np.flatnonzero(samples.metric == metric)
        for phase in distinct(samples.phase[of_metric]):
            rows = of_metric[samples.phase[of_metric] == phase]
            measured, cold = rows[is_measured[rows]], rows[is_cold[rows]]
            if len(measured):
                yield MetricSamples(
                    metric,
                    phase,
                    samples.value[measured],
                    samples.run[measured],
                    cold=float(samples.value[cold[0]]) if len(cold) else None,
                    disturbed=samples.value[measured[samples.interference[measured] != ""]],
                    beside_loader=int(np.count_nonzero(samples.loader[measured] == "running")),
                )


def distinct(column: NDArray[np.str_]) -> Iterator[str]:
    """Yield the different texts of a column, in order; faster than sorting, since they are few."""
    left = np.ones(len(column), bool)
    while left.any():
        text = str(column[left.argmax()])
        yield text
        left &= column != text
