"""Batches of a vision-language model."""

from __future__ import annotations

from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark


class ImageBatches(BatchProcessingBenchmark):
    """Small batches: every row runs its own image through the vision transformer."""

    axes = BatchProcessingBenchmark.with_axes(batch_size=(1, 4))
