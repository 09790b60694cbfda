"""How long ``run`` measures: three presets, each value of which an option replaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from inference_bench.spec import SURVEY_BUDGET_NS, Limits
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import argparse

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Effort:
    """A preset.

    Attributes:
        runs: fresh processes per case, at most.
        least_runs: processes after which a case that is precise enough ends.
        precision: wanted distance from the median to each end of its 95 % interval, as a fraction of the median.
        budget_s: seconds to measure a case in one process.
        min_samples: samples that a process takes at least before it may end earlier.
        warmup: iterations after the cold call that are kept but not counted.
        time_s: seconds for each model and set-up, after which no case gets a process beyond its least number.
    """

    runs: int
    least_runs: int
    precision: float
    budget_s: float
    min_samples: int
    warmup: int
    time_s: float


EFFORTS = {
    "quick": Effort(1, 1, precision=0.1, budget_s=2, min_samples=5, warmup=1, time_s=60),
    # Medians of fresh processes on a virtual machine differ by 1 to 3 % (bench/README.md): three to five of them give
    # an interval of ±5 %, and four seconds in each move its median by less than that.
    "standard": Effort(5, 3, precision=0.05, budget_s=4, min_samples=5, warmup=1, time_s=130),
    "thorough": Effort(20, 6, precision=0.01, budget_s=25, min_samples=30, warmup=2, time_s=1800),
}
STANDARD = EFFORTS["standard"]
_TIGHT = 0.02
"""A wanted precision up to this is out of the reach of the standard processes."""


def effort_of(args: argparse.Namespace) -> Effort:
    """Return the values of the chosen preset, and those of the options where given.

    Without ``--quick`` and ``--thorough``, a tight ``--precision`` chooses ``thorough``.
    """
    is_tight = args.precision is not None and args.precision <= _TIGHT
    preset = EFFORTS[args.effort or ("thorough" if is_tight else "standard")]
    survey = args.all and args.effort is None
    budget_s = SURVEY_BUDGET_NS / NS_PER_S if survey else preset.budget_s
    once = survey or args.isolation == "inline"
    runs, least_runs = (args.runs, args.runs) if args.runs else (1, 1) if once else (preset.runs, preset.least_runs)
    return Effort(
        runs,
        least_runs,
        precision=_given(args.precision, preset.precision),
        budget_s=_given(args.budget, budget_s),
        min_samples=_given(args.min_samples, preset.min_samples),
        warmup=_given(args.warmup, preset.warmup),
        time_s=preset.time_s,
    )


def limits_of(effort: Effort, load_s: float, case_s: float) -> Limits:
    """Return the limits of a preset, with the time limits of a load and a case in seconds."""
    return Limits(
        min_samples=effort.min_samples,
        warmup_iterations=effort.warmup,
        relative_width=2 * effort.precision,
        budget_ns=round(effort.budget_s * NS_PER_S) or 1,
        load_ns=round(load_s * NS_PER_S) or 1,
        case_ns=round(case_s * NS_PER_S) or 1,
    )


def _given(value: N | None, otherwise: N) -> N:
    return otherwise if value is None else value
