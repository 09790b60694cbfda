"""GLM-4.7-Flash: a mixture of experts with latent attention, 30 B parameters, 3 B active per token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights


class Glm47Flash(CausalLM):
    """47 layers: one dense, then 46 with 64 routed experts and a shared one."""

    title = "GLM-4.7-Flash"
    description = (
        "GLM-4 MoE Lite architecture, 47 layers, latent attention, 64 experts of which 4 + 1 are active per token"
    )
    license = "MIT"
    parameters = 29_943_390_976
    published_dtype = "bfloat16"
    max_input_length = 202_752
    hub = HubWeights(repo_id="zai-org/GLM-4.7-Flash", revision="main")
    chat_options: ClassVar[Mapping[str, Any]] = {"enable_thinking": False}
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "glm4_moe_lite",
        "vocab_size": 154_880,
        "hidden_size": 2048,
        "intermediate_size": 10_240,
        "moe_intermediate_size": 1536,
        "num_hidden_layers": 47,
        "first_k_dense_replace": 1,
        "num_attention_heads": 20,
        "num_key_value_heads": 20,
        "q_lora_rank": 768,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 192,
        "qk_rope_head_dim": 64,
        "v_head_dim": 256,
        "n_routed_experts": 64,
        "n_shared_experts": 1,
        "num_experts_per_tok": 4,
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": True,
        "routed_scaling_factor": 1.8,
        "max_position_embeddings": 202_752,
        "rms_norm_eps": 1e-5,
        "rope_interleave": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "partial_rotary_factor": 1.0},
        "tie_word_embeddings": False,
        "eos_token_id": [154_820, 154_827, 154_829],
        "pad_token_id": 154_820,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 128,
        "intermediate_size": 512,
        "moe_intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "q_lora_rank": 48,
        "kv_lora_rank": 32,
        "qk_nope_head_dim": 24,
        "qk_rope_head_dim": 8,
        "v_head_dim": 32,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
