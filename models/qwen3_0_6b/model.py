"""Qwen3-0.6B: the smallest Qwen3, dense, with a thinking mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights


class Qwen3Small(CausalLM):
    """28 layers, grouped-query attention with normalised queries and keys."""

    title = "Qwen3-0.6B"
    description = (
        "Qwen3 architecture, 28 layers, grouped-query attention; instruction-tuned, thinking can be switched off"
    )
    license = "Apache-2.0"
    parameters = 596_049_920
    published_dtype = "bfloat16"
    max_input_length = 40_960
    hub = HubWeights(repo_id="Qwen/Qwen3-0.6B", revision="main")
    chat_options: ClassVar[Mapping[str, Any]] = {"enable_thinking": False}
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "qwen3",
        "vocab_size": 151_936,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        "tie_word_embeddings": True,
        "bos_token_id": 151_643,
        "eos_token_id": 151_645,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
