"""Batches of a model that looks at an image first."""

from __future__ import annotations

from inference_bench.benchmarks.batch_processing import BatchProcessingBenchmark


class ImageBatches(BatchProcessingBenchmark):
    """Small batches: every row brings an image of its own through the vision transformer."""

    axes = BatchProcessingBenchmark.with_axes(batch_size=(1, 4))
