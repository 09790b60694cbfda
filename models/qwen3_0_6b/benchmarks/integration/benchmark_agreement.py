"""Agreement of a reasoning model."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class QwenAgreement(AgreementBenchmark):
    """Short questions, long answers: longer texts are more sensitive to small differences of the logits."""

    axes = AgreementBenchmark.with_axes(input_length=(32,), new_tokens=(96,))
