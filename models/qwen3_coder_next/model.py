"""Qwen3-Coder-Next: linear and full attention in turn, 80 B parameters, 3 B active per token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights


class Qwen3CoderNext(CausalLM):
    """48 layers in twelve rounds of three gated delta nets and one gated attention, each with 512 experts."""

    title = "Qwen3-Coder-Next"
    description = "Qwen3-Next architecture, 48 layers, 3 of 4 with linear attention, 512 experts, 10 + 1 of them active"
    license = "Apache-2.0"
    parameters = 79_674_391_296
    published_dtype = "bfloat16"
    max_input_length = 262_144
    hub = HubWeights(repo_id="Qwen/Qwen3-Coder-Next", revision="main")
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "qwen3_next",
        "vocab_size": 151_936,
        "hidden_size": 2048,
        "intermediate_size": 5120,
        "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512,
        "num_hidden_layers": 48,
        "full_attention_interval": 4,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
        "num_experts": 512,
        "num_experts_per_tok": 10,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "max_position_embeddings": 262_144,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5_000_000.0, "partial_rotary_factor": 0.25},
        "tie_word_embeddings": False,
        "eos_token_id": 151_645,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 128,
        "intermediate_size": 384,
        "moe_intermediate_size": 96,
        "shared_expert_intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 32,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "eos_token_id": 2,
    }
