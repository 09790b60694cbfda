"""Does loading ahead save time, and does it disturb what is timed?

The same sweep with overlap on and off, in turns (on, off, off, on …), each in fresh workers. For ``partition`` the
other side has the same CPU sets and merely loads nothing ahead, so that overlap alone is compared. Printed: the wall
time of both, the share of loading that was hidden, and each case's shift (the geometric mean of on over off) with a
95 % interval, beside the floor: the same statistic over runs that are both off.

Run as ``python -m bench.overlap``; a sweep of small random models is dominated by loading.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import tempfile
from pathlib import Path

from scipy import stats

from inference_bench._native import now_ns
from inference_bench.orchestrator import RunOutcome, run_benchmarks
from inference_bench.registry import find_models
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S, format_ns

METRICS = ("ttft", "itl")

Medians = dict[tuple[str, str], float]


def main() -> int:
    """Print the tables; 0 whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=("partition", "freeze"), default="partition")
    parser.add_argument("--pairs", type=int, default=6, help="pairs of sweeps (default: 6)")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds to measure a case (default: 1)")
    parser.add_argument("--models", default="", help="names with commas (default: all that generate)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    models = tuple(given.models.split(",")) if given.models else _generating()
    on, off = [], []
    for pair in range(given.pairs):
        order = ((True, on), (False, off)) if pair % 2 == 0 else ((False, off), (True, on))
        for ahead, found in order:
            found.append(_sweep(models, given.policy, given.budget, ahead=ahead))
            print(f"pair {pair + 1}: {'on ' if ahead else 'off'} {format_ns(found[-1][0])}", file=sys.stderr)
    figures = _figures(on, off)
    print(_text(figures, given.policy, len(models)))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _generating() -> tuple[str, ...]:
    from inference_bench.registry import load_model

    files = find_models()
    return tuple(name for name in files if name != "null" and "generate" in load_model(files[name]).abilities)


def _sweep(
    models: tuple[str, ...], policy: str, budget_s: float, *, ahead: bool
) -> tuple[int, dict[str, int], Medians]:
    """Return the wall time of one sweep, its account of loading, and the median of each case's metrics."""
    spec = Spec(
        models=models,
        benchmarks=("inference_speed",),
        setups=(Setup(weights="random", scale="reduced"),),
        axes={"input_length": (32,), "new_tokens": (16,)},
        limits=Limits(budget_ns=round(budget_s * NS_PER_S), relative_width=1e-9),
        overlap=policy,
        lookahead=1 if ahead else 0,
    )
    with tempfile.TemporaryDirectory() as folder:
        began_ns = now_ns()
        outcome = asyncio.run(run_benchmarks(spec, output=Path(folder)))
        return now_ns() - began_ns, dict(outcome.run.record.overlap), _medians(outcome)


def _medians(outcome: RunOutcome) -> Medians:
    return {
        (result.case.model, summary.metric): summary.headline.value
        for result in outcome.run.results
        for summary in result.summaries
        if summary.metric in METRICS and summary.headline.value
    }


def _figures(on: list[tuple[int, dict[str, int], Medians]], off: list[tuple[int, dict[str, int], Medians]]) -> dict:
    loads = [account for _, account, _ in on]
    ratios = [a[0] / b[0] for a, b in zip(on, off, strict=True)]
    cases = sorted({key for _, _, medians in (*on, *off) for key in medians})
    return {
        "wall_on_s": statistics.median(wall for wall, _, _ in on) / NS_PER_S,
        "wall_off_s": statistics.median(wall for wall, _, _ in off) / NS_PER_S,
        "wall_ratio": statistics.median(ratios),
        "wall_ratios": ratios,
        "hidden_of_hideable": sum(a["hidden_ns"] for a in loads) / max(1, sum(a["hideable_ns"] for a in loads)),
        "hidden_of_all": sum(a["hidden_ns"] for a in loads) / max(1, sum(a["load_ns"] for a in loads)),
        "shifts": [
            {
                "case": " ".join(case),
                **_shift([_log_ratio(a, b, case) for a, b in zip(on, off, strict=True)], "shift"),
                # Two runs that are both off, as near in time as on and off are: what no overlap looks like.
                **_shift([_log_ratio(a, b, case) for a, b in zip(off[::2], off[1::2], strict=False)], "floor"),
            }
            for case in cases
        ],
    }


def _log_ratio(
    first: tuple[int, dict[str, int], Medians], second: tuple[int, dict[str, int], Medians], case: tuple[str, str]
) -> float | None:
    values = first[2].get(case), second[2].get(case)
    return math.log(values[0] / values[1]) if values[0] and values[1] else None


def _shift(logs: list[float | None], name: str) -> dict[str, float | None]:
    """Return the mean shift in per cent and half of its 95 % interval (Student's t of the paired log ratios)."""
    known = [value for value in logs if value is not None]
    if len(known) < 2:
        return {name: None, f"{name}_half": None}
    half = stats.t.ppf(0.975, len(known) - 1) * statistics.stdev(known) / math.sqrt(len(known))
    return {name: 100 * statistics.mean(known), f"{name}_half": 100 * float(half)}


def _text(figures: dict, policy: str, models: int) -> str:
    lines = [
        f"{models} models, {policy}: wall time on {figures['wall_on_s']:.1f} s, off {figures['wall_off_s']:.1f} s, "
        f"ratio {figures['wall_ratio']:.2f} ({min(figures['wall_ratios']):.2f} to {max(figures['wall_ratios']):.2f})",
        f"loading hidden: {figures['hidden_of_all']:.0%} of all, {figures['hidden_of_hideable']:.0%} of what the "
        "policy could have hidden",
        "",
        "| case | shift by overlap | off against off |",
        "|---|---:|---:|",
    ]
    inside = 0
    for row in figures["shifts"]:
        cells = [_percent(row, "shift"), _percent(row, "floor")]
        if row["shift"] is not None:
            inside += abs(row["shift"]) <= max(row["shift_half"], abs(row["floor"] or 0) + (row["floor_half"] or 0))
        lines.append(f"| {row['case']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{inside} of {len(figures['shifts'])} shifts are inside the noise"])


def _percent(row: dict, name: str) -> str:
    return "–" if row[name] is None else f"{row[name]:+.1f} % ± {row[f'{name}_half']:.1f}"


if __name__ == "__main__":
    sys.exit(main())
