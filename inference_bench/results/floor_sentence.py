"""One sentence on how well the noise of a machine is known for what was compared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from inference_bench.metrics import title_of
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.analysis.comparison_result import Comparison, Comparisons
    from inference_bench.results.noise_store import Noise

OLD_DAYS = 30
"""Age above which a floor is called old: kernel, load of the host and temperature may have changed."""


def floor_sentence(noise: Noise | None, compared: Iterable[Comparisons], now: datetime | None = None) -> str:
    """Return how well the noise of this machine is known: its age, where it decides, and where it was not measured.

    Scores of items have no floor: they are the same in every process.
    """
    if noise is None:
        return "A/A floor: not known on this machine. `noise` measures how much identical configurations differ."
    age = noise.age_days(now)
    rows = [(row, found.in_turn) for found in compared for row in found.rows if row.is_of_runs]
    known = [(row, paired) for row, paired in rows if _slot(row) in noise.cases]
    unknown = _listed(row for row, _ in rows if _slot(row) not in noise.cases)
    above = _listed(row for row, paired in known if _is_above(noise, row, paired=paired))
    parts = [f"A/A floor: from {counted(noise.sessions, 'measurement')}, the latest {age:.0f} days old."]
    if above:
        parts.append(f"Above the requested margin for {above}.")
    elif known:
        parts.append(f"Never above the requested margin{' where it was measured' if unknown else ''}.")
    if unknown:
        parts.append(f"Not measured for {unknown}.")
    if age > OLD_DAYS:
        parts.append(f"That is old: measure it again with `noise` (every {OLD_DAYS} days).")
    return " ".join(parts)


def _slot(row: Comparison) -> tuple[str, str, str]:
    return row.before.benchmark, row.metric, row.phase


def _is_above(noise: Noise, row: Comparison, *, paired: bool) -> bool:
    """Return whether the floor is what decides, or would if the comparison had known it."""
    if row.margin_source == "A/A floor":
        return True
    floor = noise.floor_of(_slot(row), row.before.id, paired=paired)
    return (floor if row.relative else floor * abs(row.values[0])) > row.margin


def _listed(rows: Iterable[Comparison]) -> str:
    """Return the benchmarks of these rows, each with its metrics."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(row.before.benchmark, {})[title_of(row.metric)] = None
    return ", ".join(_with_metrics(benchmark, list(metrics)) for benchmark, metrics in found.items())


def _with_metrics(benchmark: str, metrics: list[str]) -> str:
    return f"{benchmark.replace('_', ' ')} ({', '.join(metrics)})"
