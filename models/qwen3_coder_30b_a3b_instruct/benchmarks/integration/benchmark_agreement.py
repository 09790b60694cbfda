"""Agreement of a mixture of experts."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class CoderAgreement(AgreementBenchmark):
    """Rounding can change the experts of single tokens: many short passages."""

    axes = AgreementBenchmark.with_axes(passages=(16,), input_length=(32,))
