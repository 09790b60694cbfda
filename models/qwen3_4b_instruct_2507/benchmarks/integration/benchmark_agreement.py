"""Agreement of a model made for long documents."""

from __future__ import annotations

from inference_bench.benchmarks.agreement import AgreementBenchmark


class QwenAgreement(AgreementBenchmark):
    """A long passage beside a short one: narrow numbers lose their place in long ones first."""

    axes = AgreementBenchmark.with_axes(passages=(4,), input_length=(64, 512))
