"""Batches of a mixture of experts."""

from __future__ import annotations

from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark


class ExpertBatches(BatchProcessingBenchmark):
    """A wider range in fewer steps: every row asks experts of its own, so weights are shared only in large batches."""

    axes = BatchProcessingBenchmark.with_axes(batch_size=(1, 8, 32))
