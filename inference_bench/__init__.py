"""A micro-benchmark engine for model inference that states how far each number can be believed.

Importing this package imports nothing else of weight; each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_bench._native import TickRecorder
    from inference_bench.benchmark.benchmark import Benchmark
    from inference_bench.benchmark.function import benchmark
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.errors import InferenceBenchError, InvalidValueError, NotApplicableError
    from inference_bench.model.engines.transformers.causal_lm import CausalLM, CausalLMGenerator
    from inference_bench.model.engines.transformers.causal_lm_batch import CausalLMBatchGenerator, PaddedPrompts
    from inference_bench.model.engines.transformers.classifier import (
        AnswerFinderModel,
        ClassifierModel,
        TokenClassifierModel,
    )
    from inference_bench.model.engines.transformers.seq2seq import Seq2SeqModel
    from inference_bench.model.engines.transformers.speech import SpeechModel
    from inference_bench.model.engines.transformers.text_encoder import EmbeddingModel
    from inference_bench.model.engines.transformers.vision import VisionModel
    from inference_bench.model.interfaces import (
        BatchGenerator,
        Likelihood,
        TextEncoder,
        TextGenerator,
        TextScorer,
        TextServer,
    )
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.model import Model
    from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
    from inference_bench.orchestration.run import RunOutcome, run_benchmarks
    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult, Status
    from inference_bench.results.run import Run, load_run
    from inference_bench.results.tables import RunTables, load_runs
    from inference_bench.runner import BenchmarkRunner, run_standardized_benchmarks, run_standardized_benchmarks_async
    from inference_bench.spec import Axis, Limits, Setup, Spec
    from inference_bench.timing.timer import time
    from inference_bench.timing.timing import Timing

# In the repository's root the source folder hides the installed package, which alone holds the native module.
__path__ = extend_path(__path__, __name__)

_HOMES = {
    "AnswerFinderModel": "model.engines.transformers.classifier",
    "Axis": "spec",
    "BatchGenerator": "model.interfaces",
    "Benchmark": "benchmark.benchmark",
    "BenchmarkResult": "result",
    "BenchmarkRunner": "runner",
    "Case": "plan",
    "CausalLM": "model.engines.transformers.causal_lm",
    "CausalLMBatchGenerator": "model.engines.transformers.causal_lm_batch",
    "CausalLMGenerator": "model.engines.transformers.causal_lm",
    "ClassifierModel": "model.engines.transformers.classifier",
    "EmbeddingModel": "model.engines.transformers.text_encoder",
    "HubWeights": "model.weights.references",
    "InferenceBenchError": "errors",
    "InvalidValueError": "errors",
    "Likelihood": "model.interfaces",
    "Limits": "spec",
    "LoadSteps": "model.load_steps",
    "Measurement": "benchmark.measurement",
    "Model": "model.model",
    "NotApplicableError": "errors",
    "PackageWeights": "model.weights.references",
    "PaddedPrompts": "model.engines.transformers.causal_lm_batch",
    "ResolvedWeights": "model.weights.references",
    "Run": "results.run",
    "RunOutcome": "orchestration.run",
    "RunTables": "results.tables",
    "Seq2SeqModel": "model.engines.transformers.seq2seq",
    "Setup": "spec",
    "Spec": "spec",
    "SpeechModel": "model.engines.transformers.speech",
    "Status": "result",
    "TextEncoder": "model.interfaces",
    "TextGenerator": "model.interfaces",
    "TextScorer": "model.interfaces",
    "TextServer": "model.interfaces",
    "TickRecorder": "_native",
    "Timing": "timing.timing",
    "TokenClassifierModel": "model.engines.transformers.classifier",
    "VisionModel": "model.engines.transformers.vision",
    "benchmark": "benchmark.function",
    "load_run": "results.run",
    "load_runs": "results.tables",
    "run_benchmarks": "orchestration.run",
    "run_standardized_benchmarks": "runner",
    "run_standardized_benchmarks_async": "runner",
    "time": "timing.timer",
}

__all__ = [
    "AnswerFinderModel",
    "Axis",
    "BatchGenerator",
    "Benchmark",
    "BenchmarkResult",
    "BenchmarkRunner",
    "Case",
    "CausalLM",
    "CausalLMBatchGenerator",
    "CausalLMGenerator",
    "ClassifierModel",
    "EmbeddingModel",
    "HubWeights",
    "InferenceBenchError",
    "InvalidValueError",
    "Likelihood",
    "Limits",
    "LoadSteps",
    "Measurement",
    "Model",
    "NotApplicableError",
    "PackageWeights",
    "PaddedPrompts",
    "ResolvedWeights",
    "Run",
    "RunOutcome",
    "RunTables",
    "Seq2SeqModel",
    "Setup",
    "Spec",
    "SpeechModel",
    "Status",
    "TextEncoder",
    "TextGenerator",
    "TextScorer",
    "TextServer",
    "TickRecorder",
    "Timing",
    "TokenClassifierModel",
    "VisionModel",
    "benchmark",
    "load_run",
    "load_runs",
    "run_benchmarks",
    "run_standardized_benchmarks",
    "run_standardized_benchmarks_async",
    "time",
]


def __getattr__(name: str) -> Any:
    if name == "benchmark":  # the package of this name, which is callable
        return import_module(f"{__name__}.benchmark")
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
