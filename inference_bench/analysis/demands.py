"""What the model of a result asks of a machine. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from inference_bench.demands import Demands
from inference_bench.result import BenchmarkResult

_FIELDS = frozenset(field.name for field in fields(Demands))


def demands_of(result: BenchmarkResult) -> Demands | None:
    """Return the demands of the model that a result is of; None if they are unknown, as in older runs."""
    stored = result.model.get("demands")
    if not isinstance(stored, Mapping):
        return None
    return Demands(**{name: value for name, value in stored.items() if name in _FIELDS})


def demands_unknown(result: BenchmarkResult) -> str:
    """Return why the demands of a model are unknown; empty if they are known."""
    if isinstance(result.model.get("demands"), Mapping):
        return ""
    return str(result.model.get("demands_unknown") or "recorded by a version that did not count them")
