"""Old module paths and their replacements, for the error message of a plugin that still uses one.

Used only when a plugin cannot be imported; imports are not redirected. To be removed after one release.
"""

from __future__ import annotations

import re
from types import ModuleType

_PACKAGE = "inference_bench"

MOVED = {
    "ab": "orchestration.interleaved",
    "accuracy": "benchmark.accuracy",
    "architecture": "model.engines.transformers.reductions",
    "batcher": "benchmarks._batcher",
    "benchmark": "benchmark.benchmark",
    "causal_lm": "model.engines.transformers.causal_lm",
    "causal_lm_batch": "model.engines.transformers.causal_lm_batch",
    "causal_lm_scorer": "model.engines.transformers.causal_lm_scorer",
    "cgroup": "machine.cgroup",
    "comparison": "analysis.comparison analysis.comparison_result analysis.observations",
    "contract": "scaffold.checks",
    "device": "machine.device",
    "device_memory": "machine.device_memory",
    "devices": "machine.devices",
    "differences": "analysis.environment_differences",
    "environment": "machine.environment",
    "floor": "orchestration.harness_floor",
    "function_timing": "timing.timer",
    "gguf_conversion": "model.weights.gguf_conversion",
    "headroom": "machine.available_memory",
    "history": "results.history",
    "hub_config": "model.weights.hub_description",
    "hub_download": "model.weights.hub_download",
    "interference": "machine.interference",
    "knee": "analysis.batch_knee",
    "live.export": "live.exporter",
    "live.flight": "live.flight_recorder",
    "live.memory": "live.memory_gauges",
    "live.trace": "live.chrome_trace",
    "live.watch_line": "live.watch_encoding",
    "load_generator": "benchmarks._load_generator",
    "loading": "orchestration.loading",
    "measurement": "benchmark.measurement",
    "microbenchmark": "benchmark.function",
    "migration": "scaffold.migration",
    "modality": "analysis.modes",
    "model": "model.model model.interfaces model.load_steps model.weights.references",
    "model_facts": "scaffold.model_facts",
    "noise_floor": "analysis.noise_floor",
    "noise_store": "results.noise_store",
    "nvml": "machine.nvml",
    "observations": "results.comparison_sides",
    "orchestrator": "orchestration.run orchestration.session",
    "overlap": "orchestration.overlap_policy",
    "overlap_check": "orchestration.overlap_study",
    "page_cache": "machine.page_cache",
    "parameter_count": "scaffold.trial",
    "plain": "results.serialization",
    "preparation": "orchestration.planning",
    "progress": "orchestration.progress",
    "protocol": "orchestration.protocol",
    "quantization": "model.engines.transformers.quantization",
    "query": "results.query",
    "registry": "plugins model.discovery benchmark.discovery",
    "report": "reports._report",
    "run_folder": "results.run results.run_folder",
    "run_tables": "results.tables",
    "runs": "results.discovery",
    "shift": "analysis.location_shift",
    "sink": "results.sink",
    "sinks": "results.sinks",
    "skeleton": "scaffold.skeleton",
    "statistics": "analysis.quantiles analysis.estimates analysis.dependence analysis.outliers",
    "steady_state": "analysis.steady_state",
    "stopping": "analysis.stopping",
    "summaries": "analysis.summaries analysis.score_summaries analysis.derived_summaries",
    "tally": "orchestration.aggregation",
    "text_encoder": "model.engines.transformers.text_encoder",
    "transformers_model": "model.engines.transformers.base",
    "trust": "analysis.trust.case",
    "usage": "machine.process_usage",
    "verification": "scaffold.verification",
    "weights": "model.weights.resolution model.weights.origins",
    "weights_cache": "model.weights.cache model.weights.files",
    "worker": "orchestration.worker",
    "worker_process": "orchestration.worker_process",
    "worker_thread": "orchestration.worker_thread",
}
"""Old module → new modules, without the package's name. A package stands for all of its modules."""

FACE = {
    "benchmark": "Benchmark",
    "causal_lm": "CausalLM CausalLMGenerator",
    "causal_lm_batch": "CausalLMBatchGenerator PaddedPrompts",
    "function_timing": "time",
    "measurement": "Measurement",
    "microbenchmark": "benchmark",
    "model": "Model HubWeights PackageWeights ResolvedWeights LoadSteps TextGenerator BatchGenerator TextServer "
    "TextEncoder TextScorer Likelihood",
    "orchestrator": "RunOutcome run_benchmarks",
    "run_folder": "Run load_run",
    "run_tables": "RunTables load_runs",
    "text_encoder": "EmbeddingModel",
}
"""Old module → its names that are now imported from ``inference_bench`` itself."""


def advice(error: BaseException) -> str:
    """Return what to import instead, or an empty text if the error is not about an old path."""
    module, name = _not_found(error)
    own = module.removeprefix(f"{_PACKAGE}.") if module != _PACKAGE else name
    if own not in MOVED:
        return ""
    public = FACE.get(own, "").split()
    names = [name] if name in public else public if name in ("", own) else []
    paths = " and ".join(f"{_PACKAGE}.{new}" for new in MOVED[own].split())
    face = f"; write `from {_PACKAGE} import {', '.join(names)}`" if names else ""
    return f"{_PACKAGE}.{own} has moved to {paths}{face}"


def _not_found(error: BaseException) -> tuple[str, str]:
    """Return the missing module and the missing name in it; empty texts if unknown."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return error.obj.__name__, error.name or ""
    if isinstance(error, ImportError):
        found = re.match(r"cannot import name '(\w+)'", str(error))  # `name_from` exists from Python 3.12 on
        return error.name or "", found[1] if found else ""
    return "", ""
