"""Tiny random networks of many kinds, built from their own configurations."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

from inference_bench.model.prompts import Prompts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ATTENTION = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_EXPERTS = {"num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2}
_STATE_SPACE = {"mamba_d_state": 8, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_d_head": 16, "mamba_n_heads": 4}
_FACTORS = [1.0, 1.5, 2.0, 2.5]
_LONGROPE = {
    "rope_type": "longrope",
    "short_factor": _FACTORS,
    "long_factor": [4 * factor for factor in _FACTORS],
    "rope_theta": 10_000.0,
    "original_max_position_embeddings": 32,
    "factor": 8.0,
}
_PHI = {**_ATTENTION, "rope_parameters": _LONGROPE, "original_max_position_embeddings": 32}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama": _ATTENTION,
    "llama dynamic positions": {
        **_ATTENTION,
        "max_position_embeddings": 32,
        "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 4.0},
    },
    "llama longrope": {**_ATTENTION, "rope_parameters": _LONGROPE},
    "phi3 longrope": _PHI,
    "phimoe longrope": {**_PHI, **_EXPERTS, "rope_parameters": {**_LONGROPE, "short_mscale": 1.1, "long_mscale": 1.2}},
    "mistral window": {**_ATTENTION, "sliding_window": 16},
    "gemma3_text windows": {**_ATTENTION, "sliding_window": 16},
    "gpt_oss windows": {**_ATTENTION, **_EXPERTS, "sliding_window": 16},
    "cohere2 windows": {**_ATTENTION, "sliding_window": 16},
    "llama4_text chunks": {
        **_ATTENTION,
        **_EXPERTS,
        "attention_chunk_size": 16,
        "intermediate_size_mlp": 48,
    },
    "gpt2 learned positions": {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "falcon one head of keys": {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "falcon two heads of keys": {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_kv_heads": 2,
        "new_decoder_architecture": True,
    },
    "gpt_bigcode one head of keys": {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "bloom alibi": {"vocab_size": 300, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "opt offset positions": {
        "vocab_size": 300,
        "hidden_size": 32,
        "ffn_dim": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 256,
    },
    "openai-gpt without a cache": {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "xlnet memories": {"vocab_size": 300, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48},
    "mamba": {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "falcon_mamba": {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "mamba2": {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "state_size": 8,
        "num_heads": 4,
        "head_dim": 16,
        "n_groups": 1,
        "chunk_size": 8,
    },
    "rwkv": {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "attention_hidden_size": 32},
    "jamba hybrid": {
        **_ATTENTION,
        **_EXPERTS,
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
    },
    "bamba hybrid": {**_ATTENTION, **_STATE_SPACE, "attn_layer_indices": [1, 3], "mamba_chunk_size": 8},
    "falcon_h1 hybrid": {**_ATTENTION, **_STATE_SPACE, "mamba_d_ssm": 64, "mamba_chunk_size": 8},
    "qwen3_next hybrid": {
        **_ATTENTION,
        **_EXPERTS,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"] * 2,
    },
    "lfm2 convolutions": {**_ATTENTION, "layer_types": ["conv", "full_attention"] * 2},
    "deepseek_v3 latent": {
        **_ATTENTION,
        **_EXPERTS,
        "num_key_value_heads": 4,
        "moe_intermediate_size": 16,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
    },
}
"""Name, which begins with the ``model_type`` → its configuration: one per kind of cache and of positions."""


@cache
def tiny(name: str) -> PreTrainedModel:
    """Return a network with random weights, large enough that greedy tokens differ."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(name.partition(" ")[0], tie_word_embeddings=False, **CONFIGS[name])
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train(False)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 1.5 * parameter.shape[1] ** -0.5)
    return network


def prompts() -> Prompts:
    """Return prompts of random ids, the same for each length."""

    def ids(count: int) -> list[int]:
        draw = random.Random(0)
        return [draw.randrange(10, 300) for _ in range(count)]

    return Prompts(1, 256, ids)
