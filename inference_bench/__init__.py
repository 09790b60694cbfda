"""A micro-benchmark engine for model inference that states how far each number can be believed.

Importing this package imports nothing else of weight; each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_bench.benchmark.benchmark import Benchmark
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.errors import InferenceBenchError
    from inference_bench.model.engines.transformers.causal_lm import CausalLM
    from inference_bench.model.model import Model, TextEncoder, TextGenerator, TextServer
    from inference_bench.orchestration.run import RunOutcome, run_benchmarks
    from inference_bench.result import BenchmarkResult, Status
    from inference_bench.results.run_folder import Run, load_run
    from inference_bench.results.tables import RunTables, load_runs
    from inference_bench.runner import (
        BenchmarkRunner,
        run_standardized_benchmarks,
        run_standardized_benchmarks_async,
    )
    from inference_bench.spec import Axis, Limits, Setup, Spec

# In the repository's root the source folder hides the installed package, which alone holds the native module.
__path__ = extend_path(__path__, __name__)

_HOMES = {
    "Axis": "spec",
    "Benchmark": "benchmark.benchmark",
    "BenchmarkResult": "result",
    "BenchmarkRunner": "runner",
    "CausalLM": "model.engines.transformers.causal_lm",
    "InferenceBenchError": "errors",
    "Limits": "spec",
    "Measurement": "benchmark.measurement",
    "Model": "model.model",
    "Run": "results.run_folder",
    "RunOutcome": "orchestration.run",
    "RunTables": "results.tables",
    "Setup": "spec",
    "Spec": "spec",
    "Status": "result",
    "TextEncoder": "model.model",
    "TextGenerator": "model.model",
    "TextServer": "model.model",
    "load_run": "results.run_folder",
    "load_runs": "results.tables",
    "run_benchmarks": "orchestration.run",
    "run_standardized_benchmarks": "runner",
    "run_standardized_benchmarks_async": "runner",
}

__all__ = [
    "Axis",
    "Benchmark",
    "BenchmarkResult",
    "BenchmarkRunner",
    "CausalLM",
    "InferenceBenchError",
    "Limits",
    "Measurement",
    "Model",
    "Run",
    "RunOutcome",
    "RunTables",
    "Setup",
    "Spec",
    "Status",
    "TextEncoder",
    "TextGenerator",
    "TextServer",
    "load_run",
    "load_runs",
    "run_benchmarks",
    "run_standardized_benchmarks",
    "run_standardized_benchmarks_async",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("inference-bench")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
