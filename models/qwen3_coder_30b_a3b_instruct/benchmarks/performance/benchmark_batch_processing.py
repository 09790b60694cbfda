"""Batches of a mixture of experts."""

from __future__ import annotations

from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark


class ExpertBatches(BatchProcessingBenchmark):
    """A wider range in fewer steps: rows use different experts, so only large batches share weights."""

    axes = BatchProcessingBenchmark.with_axes(batch_size=(1, 8, 32))
