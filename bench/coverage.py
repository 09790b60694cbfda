"""How often the intervals hold the truth, by simulation.

    python -m bench.coverage [--repetitions 2000] [--output coverage.md]

Draws series whose true quantiles are known, and counts the intervals that contain them. In brackets stands what the
same interval would cover if it took the samples for independent.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inference_bench.analysis.dependence import DEPENDENT, MIN_BATCHES, dependence, effective_sample_size
from inference_bench.analysis.estimates import median_estimate, quantile_estimate
from inference_bench.analysis.stopping import StoppingRule
from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.metrics import QUANTILES
from inference_bench.spec import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_bench.result import Estimate

Series = NDArray[np.float64]
SEED = 20
SIZES = (40, 200, 1000)
NAMES = ("p50", "p90", "p99")
RULE = "|---" * 5 + "|"


@dataclass(frozen=True)
class Law:
    """A distribution: a strictly increasing function of a normal AR(1) series, so that every quantile is known."""

    title: str
    of_normal: Callable[[Series], Series]
    rho: float = 0.0

    def draw(self, rng: np.random.Generator, rows: int, n: int) -> Series:
        series = rng.standard_normal((rows, n))
        for i in range(1, n):
            series[:, i] = self.rho * series[:, i - 1] + np.sqrt(1 - self.rho**2) * series[:, i]
        return self.of_normal(series)

    def quantile(self, p: float) -> float:
        return float(self.of_normal(np.array([ndtri(p)]))[0])


def _same(z: Series) -> Series:
    return z


def _two_modes(z: Series) -> Series:
    return np.where(z > ndtri(0.6), z + 10, z)


LAWS = (
    Law("normal", _same),
    Law("log-normal", np.exp),
    Law("bimodal 60/40", _two_modes),
    Law("normal, AR(1) 0.3", _same, 0.3),
    Law("normal, AR(1) 0.6", _same, 0.6),
    Law("log-normal, AR(1) 0.6", np.exp, 0.6),
    Law("bimodal, AR(1) 0.6", _two_modes, 0.6),
    Law("normal, AR(1) 0.9", _same, 0.9),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000, help="simulated series per cell (default 2000)")
    parser.add_argument("--output", type=Path, help="also write the Markdown here")
    options = parser.parse_args()
    lines = []
    for line in report(options.repetitions):
        print(line, flush=True)
        lines.append(line)
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(repetitions: int) -> Iterator[str]:
    """Yield the lines of the report, in Markdown."""
    error = 100 * 1.96 * np.sqrt(0.95 * 0.05 / repetitions)
    yield f"Nominal 95 %, {repetitions} series a cell, seed {SEED}: ±{error:.1f} points from simulating."
    yield "`*`: over half of the intervals have one end or none, for want of (independent) samples."
    yield ""
    yield from _one_run(repetitions)
    yield ""
    yield from _remedies(repetitions)
    yield ""
    yield from _many_runs(repetitions)
    yield ""
    yield from _stopping(max(1, repetitions // 4))


def _one_run(repetitions: int) -> Iterator[str]:
    yield "| one run | n | " + " | ".join(NAMES) + " |"
    yield RULE
    for law_number, law in enumerate(LAWS):
        for n in SIZES:
            rows = law.draw(np.random.default_rng([SEED, law_number, n]), repetitions, n)
            cells = [_cell(rows, QUANTILES[name], law.quantile(QUANTILES[name])) for name in NAMES]
            yield f"| {law.title} | {n} | " + " | ".join(cells) + " |"


def _cell(rows: Series, p: float, truth: float) -> str:
    ours = [quantile_estimate(row, p, effective_n=effective_sample_size(row, p)) for row in rows]
    naive = [quantile_estimate(row, p) for row in rows]
    return f"{_coverage(ours, truth)} ({_coverage(naive, truth)})"


def _coverage(estimates: list[Estimate], truth: float) -> str:
    holds = sum((e.low is None or e.low <= truth) and (e.high is None or truth <= e.high) for e in estimates)
    open_ended = sum(e.low is None or e.high is None for e in estimates)
    return f"{100 * holds / len(estimates):.1f}" + ("*" if 2 * open_ended > len(estimates) else "")


def _remedies(repetitions: int) -> Iterator[str]:
    """Batch medians are the usual remedy; the median of a small batch is not that of a skewed population."""
    yield "| p50, n = 1000, AR(1) 0.3 | as if independent | batch medians | this package |"
    yield "|---|---|---|---|"
    for title, of_normal in (("normal", _same), ("log-normal", np.exp), ("bimodal 60/40", _two_modes)):
        law = Law(title, of_normal, 0.3)
        rows, truth = law.draw(np.random.default_rng(SEED), repetitions, 1000), law.quantile(0.5)
        remedies: tuple[Callable[[Series], Estimate], ...] = (_independent_median, _batch_medians, median_estimate)
        cells = [_coverage([remedy(row) for row in rows], truth) for remedy in remedies]
        yield f"| {title} | " + " | ".join(cells) + " |"


def _independent_median(row: Series) -> Estimate:
    return quantile_estimate(row, 0.5)


def _batch_medians(row: Series) -> Estimate:
    """Interval of the medians of the smallest batches that are independent, at least ``MIN_BATCHES`` of them."""
    batch, medians = 1, row
    while (found := dependence(medians).autocorrelation) is not None and found > DEPENDENT:
        if len(row) // (2 * batch) < MIN_BATCHES:
            break
        batch *= 2
        medians = np.median(row[: len(row) // batch * batch].reshape(-1, batch), axis=1)
    return quantile_estimate(medians, 0.5)


def _many_runs(repetitions: int) -> Iterator[str]:
    """Runs of 100 samples, 3 % apart within a run and as much between them; in brackets, all pooled."""
    yield "| runs of 100, 3 % spread within and between | runs | p50 | p90 | p99 |"
    yield RULE
    for runs in (2, 3, 5, 8, 20):
        rng = np.random.default_rng(SEED)
        run = np.repeat(np.arange(runs, dtype=np.int32), 100)
        logs = rng.normal(0, 0.03, (repetitions, runs))[:, run] + rng.normal(0, 0.03, (repetitions, len(run)))
        rows = np.rint(1e8 * np.exp(logs)).astype(np.int64)
        summaries = [summarise(MetricSamples("ttft", "", row, run)) for row in rows]
        cells = []
        for name in NAMES:
            truth = 1e8 * float(np.exp(0.03 * np.sqrt(2) * ndtri(QUANTILES[name])))
            ours = _coverage([summary.quantiles[name] for summary in summaries], truth)
            cells.append(f"{ours} ({_coverage([quantile_estimate(row, QUANTILES[name]) for row in rows], truth)})")
        yield f"| log-normal | {runs} | " + " | ".join(cells) + " |"


def _stopping(repetitions: int) -> Iterator[str]:
    """Series of 5 % spread under the default rule: 2 % wide, halves agree, first look at 30."""
    title = f"stopping rule, 5 % spread, 2 % wide, {repetitions} series"
    yield f"| {title} | converged % | median n | coverage of p50 | relative width |"
    yield RULE
    for rho in (0.0, 0.3, 0.6):
        law = Law(f"normal, AR(1) {rho}" if rho else "normal", _same, rho)
        rows = np.rint(1e6 * (1 + 0.05 * law.draw(np.random.default_rng(SEED), repetitions, 4000))).astype(np.int64)
        stopped = [_stop(row) for row in rows]
        estimates = [median_estimate(row) for row, _ in stopped]
        widths = [(e.high - e.low) / 1e6 for e in estimates if e.high is not None and e.low is not None]
        converged = 100 * sum(ended for _, ended in stopped) / repetitions
        count = int(np.median([len(row) for row, _ in stopped]))
        coverage, width = _coverage(estimates, 1e6), 100 * float(np.median(widths))
        yield f"| {law.title} | {converged:.0f} | {count} | {coverage} | {width:.2f} % |"


def _stop(row: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Return the samples that the rule took of a series, and whether it converged."""
    rule = StoppingRule(Limits(max_samples=len(row)), ["ttft"])
    for taken, value in enumerate(row.tolist(), 1):
        rule.observe("ttft", value)
        decision = rule.decide(0)
        if decision is not None:
            return row[:taken], decision.converged
    raise AssertionError("the limit of samples is the length of the series")


if __name__ == "__main__":
    main()
