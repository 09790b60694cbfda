"""Models on transformers and torch: the engine that a model of this project runs on unless another one is asked for."""

from __future__ import annotations

from inference_bench.model.engines.transformers.engine import Transformers

__all__ = ["Transformers"]
