"""OpenVINO on the CPU, by OpenVINO GenAI."""

from __future__ import annotations

from inference_bench.model.engines.openvino_genai.engine import OpenVINOGenAI

__all__ = ["OpenVINOGenAI"]
