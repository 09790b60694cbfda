"""What llama.cpp calls dtypes and architectures."""

from __future__ import annotations

FTYPES = {
    "float32": 0,
    "float16": 1,
    "bfloat16": 32,
    "q8_0": 7,
    "q4_0": 2,
    "q4_1": 3,
    "q4_k_m": 15,
}
"""dtype → ``llama_ftype`` of llama.h."""

KINDS = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""``model_type`` of a config.json → ``general.architecture``, for those that ``gguf_file`` writes."""
