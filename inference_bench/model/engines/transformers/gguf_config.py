"""The configuration that the header of a GGUF file describes, in the words of a ``config.json``."""

from __future__ import annotations

from pathlib import Path

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.config_file import Config
from inference_bench.model.weights.gguf_header import GgufHeader

KINDS = {
    **{kind: kind for kind in ("llama", "qwen2", "qwen3", "phi3", "falcon", "bloom", "stablelm", "gpt2", "starcoder2")},
    **{kind: kind for kind in ("mistral", "mamba", "nemotron", "gemma2", "lfm2")},
    "gemma3": "gemma3_text",
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "gpt-oss": "gpt_oss",
    "minimax-m2": "minimax_m2",
}
"""``general.architecture`` of the language models that transformers reads from GGUF files → ``model_type``."""

_KEYS = {
    "context_length": "max_position_embeddings",
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "rope.freq_base": "rope_theta",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "ssm.state_size": "state_size",
    "ssm.conv_kernel": "conv_kernel",
}
"""Key of the metadata, after the architecture's name → key of a ``config.json``."""


def config_of(header: GgufHeader, path: Path) -> Config:
    """Return the sizes that a header states, and the ``model_type``.

    Raises:
        InvalidValueError: transformers reads no such architecture from GGUF files.
    """
    named = header.text("general.architecture")
    if named not in KINDS:
        expected = f"a language model of one of the architectures {', '.join(sorted(KINDS))}"
        raise InvalidValueError(f"architecture of {path.name}", named, expected)
    found: dict[str, object] = {"model_type": KINDS[named]}
    for key, of_config in _KEYS.items():
        value = header.values.get(f"{named}.{key}")
        if isinstance(value, (int, float)) and value:
            found[of_config] = value
    if words := header.values.get("tokenizer.ggml.tokens"):
        found["vocab_size"] = words
    found["tie_word_embeddings"] = "output.weight" not in header.tensors
    return found
