"""Agreement of a model with linear attention."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class CoderAgreement(AgreementBenchmark):
    """A long passage and a short one: rounding errors accumulate in a state of fixed size."""

    axes = AgreementBenchmark.with_axes(passages=(4,), input_length=(64, 512))
