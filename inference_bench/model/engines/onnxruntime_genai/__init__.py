"""ONNX Runtime by its generative layer, onnxruntime-genai."""

from __future__ import annotations

from inference_bench.model.engines.onnxruntime_genai.engine import OnnxRuntimeGenAI

__all__ = ["OnnxRuntimeGenAI"]
