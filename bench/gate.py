"""How often is an unchanged commit accused, and how often is 5 % found at once? One run per commit, simulated.

The rule is that of ``compare HISTORY NEW``, ``run --gate`` and the pytest plugin (``analysis/prediction_interval.py``),
called as they call it. A run has 3 to 5 processes, as the plain ``run`` measures them: it ends when Student's interval
over their medians reaches at most 5 % to each side. Its figure is the median of these. The processes of one commit
spread by 2 %.

False alarms: streams of 1,000 commits in which nothing changes, each judged on arrival by the last 50 and then part of
the history, whatever was said of it. Power: one metric of a new run is 5 % slower, after histories of 8 to 50 runs.

Beside it stand rules that other tools have, for the same figures: pytest-benchmark's ``--benchmark-compare-fail
median:5%`` (the run before), three standard deviations above the mean, and slower than every earlier run.

Exits with 1 if more than 1 % of unchanged commits are SLOWER in any kind of noise, if more than 1 % of them are alarms
in normal noise, or if fewer than 90 % of the slowdowns are found after 50 runs of five processes with up to 4 metrics.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from inference_bench.analysis.prediction_interval import (
    FEWEST_RUNS,
    WINDOW,
    Figures,
    Judgement,
    allow_for_processes,
    predict,
)

SPREAD = 0.02
SLOWDOWN = 0.05
COMMITS = 1000
STREAMS = 6
DRAWS = 1500
LEAST, MOST, REACH = 3, 5, 0.05
RESOLUTION = 30.0
MUST_FIND = ((50, 1, 5), (50, 4, 5))
"""Earlier runs, metrics and processes of a run."""
FIGURE = 50e6
"""Nanoseconds."""

Floats = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Returns the logarithms of process medians, shape (runs, processes), the runs in order of time."""


@dataclass(frozen=True)
class Measured:
    """One metric of one run: its figure, and that of each process."""

    figure: float
    processes: Floats


Rule = Callable[[float, Sequence[Measured], int], Judgement]
"""Judges a figure by the earlier runs, given the number of figures that the run has."""


def _normal(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return SPREAD * generator.standard_normal(shape)


def _heavy(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Return Student's t with 3 degrees of freedom, with the quartiles of the normal noise."""
    return SPREAD * 0.6745 / 0.7649 * generator.standard_t(3, shape)


def _two_modes(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return SPREAD * generator.standard_normal(shape) + 0.1 * (generator.random(shape) < 0.1)


def _drifting(correlation: float) -> Noise:
    """Return AR(1) between runs, of 1 %, beside the noise of processes."""

    def noise(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        steps = 0.01 * math.sqrt(1 - correlation**2) * generator.standard_normal(shape[0])
        level, levels = 0.01 * generator.standard_normal(), np.empty(shape[0])
        for place, step in enumerate(steps):
            level = correlation * level + step
            levels[place] = level
        return _normal(generator, shape) + levels[:, None]

    return noise


KINDS: Mapping[str, Noise] = {
    "normal": _normal,
    "heavy tails (t, 3 degrees of freedom)": _heavy,
    "two modes: a tenth of the processes + 10 %": _two_modes,
    "AR(1) between commits, 0.5": _drifting(0.5),
    "AR(1) between commits, 0.9": _drifting(0.9),
}


def _runs(logs: Floats, least: int = LEAST) -> list[Measured]:
    """Return each run with as many of its processes as it needs; ``logs`` has shape (runs, processes)."""
    count = np.full(len(logs), logs.shape[1])
    for some in range(min(MOST, logs.shape[1]) - 1, least - 1, -1):
        first = logs[:, :some]
        reach = np.expm1(stdtrit(some - 1, 0.975) * first.std(axis=1, ddof=1) / math.sqrt(some))
        count[reach <= REACH] = some
    times = FIGURE * np.exp(logs)
    return [Measured(float(np.median(of[:n])), of[:n]) for of, n in zip(times, count, strict=True)]


# The rules


def _ours(value: float, earlier: Sequence[Measured], comparisons: int) -> Judgement:
    how = Figures(comparisons, resolution=RESOLUTION)
    found = predict(value, [of.figure for of in earlier], how)
    if found.judgement is Judgement.WORSE:  # as run_judgement does
        processes = np.concatenate([of.processes for of in earlier[-found.n :]])
        found = allow_for_processes(found, int((processes >= value).sum()), len(processes))
    return found.judgement


def _window(earlier: Sequence[Measured]) -> Floats:
    return np.array([of.figure for of in earlier[-WINDOW:]])


def _compare_fail(value: float, earlier: Sequence[Measured], _: int) -> Judgement:
    return Judgement.WORSE if value > 1.05 * earlier[-1].figure else Judgement.OK


def _three_sigma(value: float, earlier: Sequence[Measured], _: int) -> Judgement:
    window = _window(earlier)
    is_worse = len(window) >= FEWEST_RUNS and value > window.mean() + 3 * window.std(ddof=1)
    return Judgement.WORSE if is_worse else Judgement.OK


def _slower_than_all(value: float, earlier: Sequence[Measured], _: int) -> Judgement:
    window = _window(earlier)
    return Judgement.WORSE if len(window) >= FEWEST_RUNS and value > window.max() else Judgement.OK


OURS = "this package"
RULES: Mapping[str, Rule] = {
    OURS: _ours,
    "pytest-benchmark, median:5%": _compare_fail,
    "mean + 3 standard deviations": _three_sigma,
    "slower than all": _slower_than_all,
}


# What is simulated


@dataclass(frozen=True)
class Shares:
    """Of commits: accused as SLOWER, and accused at all."""

    slower: float
    alarms: float


def _shares(commits: Sequence[Sequence[Judgement]]) -> Shares:
    slower = sum(Judgement.WORSE in of for of in commits)
    alarms = sum(any(each.is_alarm for each in of) for of in commits)
    return Shares(slower / len(commits), alarms / len(commits))


def unchanged(rule: Rule, noise: Noise, metrics: int, streams: int = STREAMS) -> Shares:
    """Return how often the commits of streams are accused although nothing changes."""
    generator = np.random.default_rng(17)
    found = []
    for _ in range(streams):
        series = [_runs(noise(generator, (COMMITS, MOST))) for _ in range(metrics)]
        for place in range(1, COMMITS):
            found.append([rule(of[place].figure, of[max(0, place - WINDOW) : place], metrics) for of in series])
    return _shares(found)


def slowed(rule: Rule, n: int, metrics: int, *, least: int = LEAST, figure_spread: bool = False) -> Shares:
    """Return how often a run of which one metric is 5 % slower is accused, after n runs.

    Args:
        rule: that judges.
        n: earlier runs.
        metrics: figures of the run, of which one is slowed.
        least: processes of a run at least.
        figure_spread: whether the 2 % are the spread of the runs' figures, and not of their processes.
    """
    generator = np.random.default_rng(18)
    found = []
    for _ in range(DRAWS):
        *earlier, new = _runs(_normal(generator, (n + 1, 1 if figure_spread else MOST)), 1 if figure_spread else least)
        slower = rule(new.figure * (1 + SLOWDOWN), earlier, metrics)
        found.append([slower])
    return _shares(found)


# The report


def main() -> int:
    accused: dict[tuple[str, str, int], Shares] = {}
    print(f"Unchanged commits that are accused, per cent of {STREAMS * COMMITS:,}; SLOWER (SLOWER or SUSPECT).\n")
    heads = [*RULES]
    print("| noise | metrics | " + " | ".join(heads) + " |\n|---|---:|" + "---:|" * len(heads))
    for kind, metrics in (*((kind, 4) for kind in KINDS), ("normal", 1), ("normal", 8)):
        for name, rule in RULES.items():
            accused[kind, name, metrics] = unchanged(rule, KINDS[kind], metrics)
        cells = [_cell(accused[kind, name, metrics]) for name in heads]
        print(f"| {kind} | {metrics} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nRuns with one metric {SLOWDOWN:.0%} slower that are accused, per cent of {DRAWS:,}.\n")
    found = dict(_power())
    missed = list(_missed(accused, found))
    for line in missed:
        print(f"MISSED: {line}")
    return int(bool(missed))


def _missed(
    accused: Mapping[tuple[str, str, int], Shares], found: Mapping[tuple[int, int, int], Shares]
) -> Iterator[str]:
    allowed = 0.01 + 2 * math.sqrt(0.01 * 0.99 / (STREAMS * COMMITS))  # two standard errors of a share of 1 %
    for (kind, name, metrics), of in accused.items():
        if name == OURS and of.slower > allowed:
            yield f"{kind}, {metrics} metrics: {of.slower:.2%} of unchanged commits are SLOWER"
        if name == OURS and kind == "normal" and of.alarms > allowed:
            yield f"{kind}, {metrics} metrics: {of.alarms:.2%} of unchanged commits are alarms"
    for key in MUST_FIND:
        if found[key].alarms < 0.9:
            yield f"{key}: {found[key].alarms:.1%} of the slowdowns are found"


def _power() -> Iterator[tuple[tuple[int, int, int], Shares]]:
    print("| earlier runs | metrics | processes of a run | " + " | ".join(RULES) + " |")
    print("|---:|---:|---|" + "---:|" * len(RULES))
    for least in (LEAST, MOST):
        for metrics in (1, 4, 8):
            for n in (8, 10, 20, 30, 50):
                shares = {name: slowed(rule, n, metrics, least=least) for name, rule in RULES.items()}
                yield (n, metrics, least), shares[OURS]
                processes = "3 to 5" if least == LEAST else "5"
                print(
                    f"| {n} | {metrics} | {processes} | " + " | ".join(map(_cell, shares.values())) + " |", flush=True
                )
    shares = {name: slowed(rule, 50, 1, figure_spread=True) for name, rule in RULES.items()}
    print("| 50 | 1 | the figures of runs spread by 2 % | " + " | ".join(map(_cell, shares.values())) + " |")


def _cell(shares: Shares) -> str:
    if shares.slower == shares.alarms:
        return f"{100 * shares.slower:.1f}"
    return f"{100 * shares.slower:.1f} ({100 * shares.alarms:.1f})"


if __name__ == "__main__":
    sys.exit(main())
