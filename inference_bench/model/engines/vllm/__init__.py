"""vLLM, by its ``AsyncLLM``."""

from __future__ import annotations

from inference_bench.model.engines.vllm.engine import VLLM

__all__ = ["VLLM"]
