"""Agreement of a model for long documents."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class QwenAgreement(AgreementBenchmark):
    """A long passage and a short one: low precision affects long passages first."""

    axes = AgreementBenchmark.with_axes(passages=(4,), input_length=(64, 512))
