"""Batches of the null model."""

from __future__ import annotations

from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark


class NullBatches(BatchProcessingBenchmark):
    """The floor of a batch, and whether it grows with the batch size."""

    axes = BatchProcessingBenchmark.with_axes(batch_size=(1, 16))
