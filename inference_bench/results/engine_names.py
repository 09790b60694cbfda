"""The names of engines, as tables show them."""

from __future__ import annotations

from collections.abc import Iterable

from inference_bench.result import BenchmarkResult
from inference_bench.spec import OWN_ENGINE


def own_engines(results: Iterable[BenchmarkResult]) -> dict[str, str]:
    """Return model → the engine of its own class, for those that were loaded in it."""
    return {
        result.case.model: str(result.model["engine"])
        for result in results
        if result.case.setup.engine == OWN_ENGINE and result.model.get("engine")
    }
