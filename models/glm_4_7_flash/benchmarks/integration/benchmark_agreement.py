"""Agreement of a model with latent attention and experts."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class GlmAgreement(AgreementBenchmark):
    """Keys and values are compressed to 512 numbers, and rounding can change the experts: many short passages."""

    axes = AgreementBenchmark.with_axes(passages=(16,), input_length=(32,))
