"""How often is an unchanged commit accused, and how often is 5 % found at once? One run per commit, simulated.

The rule is that of ``compare HISTORY NEW``, ``run --gate`` and the pytest plugin (``analysis/prediction_interval.py``),
called as they call it. A run has 3 to 5 processes, as the plain ``run`` measures them: it ends when Student's interval
over their medians reaches at most 5 % to each side. Its figure is the median of these. The processes of one commit
spread by 2 %.

False alarms: streams of 1,000 commits in which nothing changes, each judged on arrival by the last 50 and then part of
the history, whatever was said of it. Power: one metric of a new run is 5 % slower, after histories of 10 to 50 runs.

Beside it stand rules that other tools have, for the same figures: pytest-benchmark's ``--benchmark-compare-fail
median:5%`` (the run before), three standard deviations above the mean, and slower than every earlier run.

Exits with 1 if more than 1 % of unchanged commits are SLOWER in any kind of noise, if more than 1 % of them are alarms
in normal noise, or if fewer than 90 % of the slowdowns are found with 50 runs and five processes each.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from inference_bench.analysis.prediction_interval import FEWEST_RUNS, WINDOW, Figures, Judgement, predict

SPREAD = 0.02
SLOWDOWN = 0.05
COMMITS = 1000
STREAMS = 6
DRAWS = 1500
LEAST, MOST, REACH = 3, 5, 0.05
FIGURE = 50e6
"""Nanoseconds."""

Floats = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Returns the logarithms of process medians, shape (runs, processes), the runs in order of time."""
Rule = Callable[[float, Sequence[float], int], Judgement]
"""Judges a figure by the earlier ones, given the number of figures that the run has."""


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


def _figures(logs: Floats, least: int = LEAST) -> Floats:
    """Return the figure of each run: the median over its processes, as many as it needs, shape (runs,)."""
    figures = np.median(logs, axis=1)
    ended = np.zeros(len(logs), bool)
    for count in range(least, MOST):
        some = logs[:, :count]
        reach = np.expm1(stdtrit(count - 1, 0.975) * some.std(axis=1, ddof=1) / math.sqrt(count))
        now = (reach <= REACH) & ~ended
        figures[now] = np.median(some[now], axis=1)
        ended |= now
    return FIGURE * np.exp(figures)


# The rules


def _ours(value: float, earlier: Sequence[float], comparisons: int) -> Judgement:
    return predict(value, earlier, Figures(comparisons, resolution=30.0)).judgement


def _compare_fail(value: float, earlier: Sequence[float], _: int) -> Judgement:
    return Judgement.WORSE if value > 1.05 * earlier[-1] else Judgement.OK


def _three_sigma(value: float, earlier: Sequence[float], _: int) -> Judgement:
    window = np.array(earlier[-WINDOW:])
    is_worse = len(window) >= FEWEST_RUNS and value > window.mean() + 3 * window.std(ddof=1)
    return Judgement.WORSE if is_worse else Judgement.OK


def _slower_than_all(value: float, earlier: Sequence[float], _: int) -> Judgement:
    window = earlier[-WINDOW:]
    return Judgement.WORSE if len(window) >= FEWEST_RUNS and value > max(window) else Judgement.OK


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
        series = [_figures(noise(generator, (COMMITS, MOST))).tolist() for _ in range(metrics)]
        for place in range(1, COMMITS):
            found.append([rule(of[place], of[max(0, place - WINDOW) : place], metrics) for of in series])
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
        logs = _normal(generator, (n + 1, 1 if figure_spread else MOST))
        values = FIGURE * np.exp(logs[:, 0]) if figure_spread else _figures(logs, least)
        found.append([rule(float(values[-1]) * (1 + SLOWDOWN), values[:-1].tolist(), metrics)])
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
    ours = {key: shares for key, shares in accused.items() if key[1] == OURS}
    missed = [
        *(f"{kind}: {of.slower:.2%} SLOWER" for (kind, _, _), of in ours.items() if of.slower > 0.01),
        *(
            f"{kind}: {of.alarms:.2%} alarms"
            for (kind, _, _), of in ours.items()
            if "normal" in kind and of.alarms > 0.012
        ),
        *(f"{key}: {of.alarms:.1%} found" for key, of in found.items() if key == (50, 1, 5) and of.alarms < 0.9),
    ]
    for line in missed:
        print(f"MISSED: {line}")
    return int(bool(missed))


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
