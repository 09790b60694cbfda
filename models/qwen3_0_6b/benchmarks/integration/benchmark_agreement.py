"""Agreement of a model that thinks before it answers."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class QwenAgreement(AgreementBenchmark):
    """Short questions, long answers: the longer it writes, the more a small difference of the logits can change."""

    axes = AgreementBenchmark.with_axes(input_length=(32,), new_tokens=(96,))
