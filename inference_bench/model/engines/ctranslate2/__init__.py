"""CTranslate2 through its Python package."""

from __future__ import annotations

from inference_bench.model.engines.ctranslate2.engine import CTranslate2

__all__ = ["CTranslate2"]
