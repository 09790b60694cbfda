"""llama.cpp through its C API, by the wheel llama-cpp-py-sync."""

from __future__ import annotations

from inference_bench.model.engines.llama_cpp.engine import LlamaCpp

__all__ = ["LlamaCpp"]
