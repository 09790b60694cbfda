"""Qwen3-Coder-30B-A3B-Instruct: a mixture of experts for code, 30 B parameters, 3 B active per token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights


class Qwen3Coder(CausalLM):
    """48 layers, each with 128 experts."""

    title = "Qwen3-Coder-30B-A3B-Instruct"
    description = "Qwen3 MoE architecture, 48 layers, 128 experts of which 8 are active per token; code, 256 k context"
    license = "Apache-2.0"
    parameters = 30_532_122_624
    published_dtype = "bfloat16"
    max_input_length = 262_144
    hub = HubWeights(repo_id="Qwen/Qwen3-Coder-30B-A3B-Instruct", revision="main")
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "qwen3_moe",
        "vocab_size": 151_936,
        "hidden_size": 2048,
        "intermediate_size": 5472,
        "moe_intermediate_size": 768,
        "num_hidden_layers": 48,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "max_position_embeddings": 262_144,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000_000.0},
        "tie_word_embeddings": False,
        "eos_token_id": 151_645,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 128,
        "intermediate_size": 384,
        "moe_intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "eos_token_id": 2,
    }
