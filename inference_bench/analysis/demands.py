"""What the model of a result asks of a machine. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from inference_bench.demands import Demands, demands_from
from inference_bench.result import BenchmarkResult


def demands_of(result: BenchmarkResult) -> Demands | None:
    """Return the demands of the model that a result is of; None if they are unknown, as in older runs."""
    stored = result.model.get("demands")
    return demands_from(stored) if isinstance(stored, Mapping) else None


def demands_unknown(result: BenchmarkResult) -> str:
    """Return why the demands of a model are unknown; empty if they are known."""
    if isinstance(result.model.get("demands"), Mapping):
        return ""
    return str(result.model.get("demands_unknown") or "recorded by a version that did not count them")
