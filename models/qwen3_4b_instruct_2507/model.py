"""Qwen3-4B-Instruct-2507: dense, long context, no thinking mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights


class Qwen3Instruct(CausalLM):
    """36 layers, grouped-query attention with normalised queries and keys."""

    title = "Qwen3-4B-Instruct-2507"
    description = "Qwen3 architecture, 36 layers, grouped-query attention; instruction-tuned, 256 k context"
    license = "Apache-2.0"
    parameters = 4_022_468_096
    published_dtype = "bfloat16"
    max_input_length = 262_144
    hub = HubWeights(repo_id="Qwen/Qwen3-4B-Instruct-2507", revision="main")
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "qwen3",
        "vocab_size": 151_936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262_144,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5_000_000.0},
        "tie_word_embeddings": True,
        "bos_token_id": 151_643,
        "eos_token_id": 151_645,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 160,
        "intermediate_size": 608,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
