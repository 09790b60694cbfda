"""Agreement of a model with linear attention."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class CoderAgreement(AgreementBenchmark):
    """A long passage beside a short one: what a state of fixed size rounds off, it never gets back."""

    axes = AgreementBenchmark.with_axes(passages=(4,), input_length=(64, 512))
