"""Who cries wolf, and who misses one? Verdicts on the same against itself and on a planted slowdown, beside the peers.

Real measurements by ``ab``: fresh processes, A B B A, until settled. Of one kind nothing differs between the sides; of
the other, B's forward pass spins for exactly 3 % of its own time (``bench/models/spun``). The same samples then go to
the peers, each as its users would give them:

- ``pyperf compare_to``: three values from each process, as pyperf takes them, all processes;
- pytest-benchmark's ``--benchmark-compare-fail``: one process a side, the median or the mean may grow by 1 %;
- Mann and Whitney's and Welch's tests over the pooled samples, at 5 %.

Run as ``python -m bench.comparison``; ``--folder`` keeps the measurements, and goes on where it holds some. Exits
with 1 if ours calls more than one A/A comparison in twenty, or fewer than nine in ten planted slowdowns, or if fewer
than nine in ten intervals of these hold the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, ttest_ind

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.analysis.margin import MARGIN
from inference_bench.orchestration.interleaved import Question, Variant, measure_interleaved
from inference_bench.results.comparison_sides import observe
from inference_bench.results.pairing import PAIRING, read_pairing
from inference_bench.results.run import Run, load_run
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

SLOWDOWN = 0.03
PAIRS = 60
MODELS = Path(__file__).parent / "models"
VALUES = 3
"""Values that pyperf takes of a process."""
LEVEL = 0.05
SLOWER, FASTER, NOTHING = "slower", "faster", "nothing"

Samples = list[NDArray[np.int64]]
"""Of one side, a process each."""


@dataclass(frozen=True)
class Measured:
    """One comparison: both sides' samples, and what ours makes of them."""

    name: str
    sides: tuple[Samples, Samples]
    ours: Comparison
    without_margin: Comparison
    separate: Comparison


@dataclass(frozen=True)
class Calls:
    """What a method said of each comparison of one kind."""

    says: Sequence[str]

    def count(self, what: str) -> int:
        return sum(said == what for said in self.says)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same", type=int, default=40, help="comparisons of the same with itself (default: 40)")
    parser.add_argument("--planted", type=int, default=20, help="comparisons with a slowdown (default: 20)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"most pairs of a comparison (default: {PAIRS})")
    parser.add_argument("--folder", type=Path, help="where the measurements are kept (default: nowhere)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        wanted = {folder / "same": (0.0, given.same), folder / "planted": (SLOWDOWN, given.planted)}
        asyncio.run(_measure(wanted, given.pairs))
        same, planted = ([_read(path) for path in _ended(folder / kind)] for kind in ("same", "planted"))
    return _report(same, planted)


async def _measure(wanted: Mapping[Path, tuple[float, int]], pairs: int) -> None:
    """Measure what is not there yet, the kinds in turn, so that both see the same weather."""
    left = {folder: count - len(_ended(folder)) for folder, (_, count) in wanted.items()}
    while any(count > 0 for count in left.values()):
        folder = max(left, key=lambda each: left[each])
        await measure_interleaved(
            [_variant("A", 0.0, pairs), _variant("B", wanted[folder][0], pairs)],
            Question(margin=MARGIN),
            output=folder,
            time_ns=600 * NS_PER_S,
        )
        left[folder] -= 1
        print(f"{folder.name}: {left[folder]} to go", file=sys.stderr, flush=True)


def _variant(name: str, slowdown: float, pairs: int) -> Variant:
    spec = Spec(
        models=("spun",),
        benchmarks=("inference_speed",),
        setups=(Setup(threads=1),),
        axes={"input_length": (256,)},
        runs=pairs,
        limits=Limits(budget_ns=NS_PER_S),
    )
    return Variant(name, spec, {"SPUN_SLOWDOWN": str(slowdown)}, models_dirs=(MODELS,))


def _ended(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{PAIRING}") if '"not ended"' not in path.read_text())


def _read(folder: Path) -> Measured:
    pairing = read_pairing(folder)
    assert pairing is not None, "the folder was found by its description"
    runs = [load_run(path) for path in pairing.folders]

    def verdict(margin: float, level: float, *, paired: bool) -> Comparison:
        sides = [observe(name, [run], paired=paired) for name, run in zip(pairing.names, runs, strict=True)]
        (row,) = compare(*sides, margin=margin, paired=paired, level=level).rows
        return row

    return Measured(
        name=folder.name,
        sides=(_samples(runs[0]), _samples(runs[1])),
        ours=verdict(MARGIN, pairing.level, paired=True),
        without_margin=verdict(0.0, pairing.level, paired=True),
        separate=verdict(MARGIN, pairing.level, paired=False),
    )


def _samples(run: Run) -> Samples:
    (result,) = run.results
    table = run.samples(result)
    stage, process, value = (table.column(name).to_numpy() for name in ("stage", "run", "value"))
    measured = stage == "measured"
    return [value[measured & (process == number)] for number in np.unique(process)]


# What each method says


def _said(pick: Callable[[Measured], Comparison]) -> Callable[[Sequence[Measured]], Calls]:
    words = {Verdict.BETTER: FASTER, Verdict.WORSE: SLOWER}
    return lambda measured: Calls([words.get(pick(each).verdict, NOTHING) for each in measured])


def _pyperf(least_percent: float) -> Callable[[Sequence[Measured]], Calls]:
    """Ask the real ``pyperf compare_to``, all comparisons in one pair of files."""

    def judge(measured: Sequence[Measured]) -> Calls:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("a.json", "b.json")]
            for side, file in enumerate(files):
                _write_pyperf(file, [each.sides[side] for each in measured])
            command = [
                sys.executable,
                "-m",
                "pyperf",
                "compare_to",
                "--min-speed",
                str(least_percent),
                *map(str, files),
            ]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines = dict(line.split(":", 1) for line in said.splitlines() if line.startswith("comparison_"))
        if not lines and "not significant" not in said.lower():
            raise AssertionError(f"pyperf said something unforeseen:\n{said}")
        return Calls([_pyperf_word(lines.get(_pyperf_name(number), "")) for number in range(len(measured))])

    return judge


def _pyperf_name(number: int) -> str:
    return f"comparison_{number:03}"


def _pyperf_word(line: str) -> str:
    return next((word for word in (SLOWER, FASTER) if line.rstrip().endswith(word)), NOTHING)


def _write_pyperf(file: Path, sides: Sequence[Samples]) -> None:
    import pyperf

    # Of a file with a single benchmark pyperf leaves out the name.
    anchor = pyperf.Run([1.0, 1.0], metadata={"name": "anchor", "unit": "second"}, collect_metadata=False)
    benchmarks = [pyperf.Benchmark([anchor])]
    for number, processes in enumerate(sides):
        runs = []
        for samples in processes:
            values = [float(part.mean()) / NS_PER_S for part in np.array_split(samples, VALUES)]
            metadata = {"name": _pyperf_name(number), "unit": "second"}
            runs.append(pyperf.Run(values, metadata=metadata, collect_metadata=False))
        benchmarks.append(pyperf.Benchmark(runs))
    pyperf.BenchmarkSuite(benchmarks).dump(str(file))


def _threshold(statistic: Callable[[NDArray[np.int64]], np.floating]) -> Callable[[Sequence[Measured]], Calls]:
    """Compare one process with one, by pytest-benchmark's rule: the relative change of a statistic over a threshold."""

    def word(measured: Measured) -> str:
        before, after = (float(statistic(side[0])) for side in measured.sides)
        change = after / before - 1
        return SLOWER if change > MARGIN else FASTER if change < -MARGIN else NOTHING

    return lambda measured: Calls([word(each) for each in measured])


def _pooled(test: Callable[[NDArray[np.int64], NDArray[np.int64]], float]) -> Callable[[Sequence[Measured]], Calls]:
    def word(measured: Measured) -> str:
        before, after = (np.concatenate(side) for side in measured.sides)
        if test(before, after) >= LEVEL:
            return NOTHING
        return SLOWER if after.mean() > before.mean() else FASTER

    return lambda measured: Calls([word(each) for each in measured])


METHODS: Mapping[str, Callable[[Sequence[Measured]], Calls]] = {
    "inference_bench, interleaved pairs, margin 1 %": _said(lambda each: each.ours),
    "the same, margin 0": _said(lambda each: each.without_margin),
    "the same runs taken as separate, margin 1 %": _said(lambda each: each.separate),
    "pyperf compare_to": _pyperf(0),
    "pyperf compare_to --min-speed 1": _pyperf(1),
    "pytest-benchmark, median:1%": _threshold(np.median),
    "pytest-benchmark, mean:1%": _threshold(np.mean),
    "Mann-Whitney, pooled samples": _pooled(lambda a, b: float(mannwhitneyu(a, b).pvalue)),
    "Welch, pooled samples": _pooled(lambda a, b: float(ttest_ind(a, b, equal_var=False).pvalue)),
}


# The report


def _report(same: Sequence[Measured], planted: Sequence[Measured]) -> int:
    print("\n".join(_lines(same, planted)))
    ours = _said(lambda each: each.ours)
    alarms = len(same) - ours(same).count(NOTHING)
    found, held = ours(planted).count(SLOWER), sum(_holds(each.ours, SLOWDOWN) for each in planted)
    return int(alarms > len(same) / 20 or found < 0.9 * len(planted) or held < 0.9 * len(planted))


def _lines(same: Sequence[Measured], planted: Sequence[Measured]) -> Iterator[str]:
    yield f"A/A: {len(same)} comparisons, {_pairs(same)}. Planted +{SLOWDOWN:.0%}: {len(planted)}, {_pairs(planted)}."
    yield f"Run medians of one side: standard deviation {_spread([*same, *planted]):.2%} (median over the sides)."
    yield ""
    yield f"| method | false alarms of {len(same)} | missed of {len(planted)} | called FASTER |"
    yield "|---|---:|---:|---:|"
    for name, judge in METHODS.items():
        of_same, of_planted = judge(same), judge(planted)
        missed = len(planted) - of_planted.count(SLOWER)
        yield f"| {name} | {len(same) - of_same.count(NOTHING)} | {missed} | {of_planted.count(FASTER)} |"
    yield ""
    for title, measured, truth in (("A/A", same, 0.0), ("planted", planted, SLOWDOWN)):
        rows = [each.ours for each in measured]
        held = sum(_holds(row, truth) for row in rows)
        widths = [row.high - row.low for row in rows if row.low is not None and row.high is not None]
        verdicts = [row.verdict.name for row in rows]
        counts = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
        changes = f"median change {np.median([row.change for row in rows]):+.2%}"
        yield (
            f"{title}: {held} of {len(rows)} intervals hold the truth ({truth:+.0%}); {changes}, median width "
            f"{np.median(widths) if widths else math.nan:.2%}; verdicts: {counts}."
        )


def _pairs(measured: Sequence[Measured]) -> str:
    counts = [len(each.sides[0]) for each in measured]
    return f"{min(counts)} to {max(counts)} pairs" if counts else "none"


def _spread(measured: Sequence[Measured]) -> float:
    """Return the standard deviation of log run medians, the median over all sides."""
    logs = [np.log([np.median(process) for process in side]) for each in measured for side in each.sides]
    return float(np.median([side.std(ddof=1) for side in logs])) if logs else math.nan


def _holds(row: Comparison, truth: float) -> bool:
    return row.low is not None and row.high is not None and row.low <= truth <= row.high


if __name__ == "__main__":
    sys.exit(main())
