"""Read a published ``config.json``, and derive a smaller model of the same architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from inference_bench.errors import InvalidValueError

Config: TypeAlias = Mapping[str, Any]
"""The values of a ``config.json``, or a part of them."""

_NOT_ARCHITECTURE = {"architectures", "auto_map", "dtype", "quantization_config", "torch_dtype", "transformers_version"}
"""Keys about storage and code, which do not define what is computed."""

_CAUSAL = ("ForCausalLM", "LMHeadModel")
_ENCODERS = {"albert", "bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"}
_BEFORE_FIRST_POSITION = {"camembert": 2, "mpnet": 2, "roberta": 2, "xlm-roberta": 2}
"""Unused rows at the start of the position table, by ``model_type``."""

_POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length")
_UNLIMITED = 2048
"""Limit for architectures without a largest position; enough for every benchmark's defaults."""

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
_FEED_FORWARD = (
    *("intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size"),
    *("ffn_dim", "ffn_hidden_size", "hidden_dim", "n_inner"),
)
_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}

_AT_MOST = {
    "vocab_size": 2048,
    "max_window_layers": 4,
    "first_k_dense_replace": 1,
    "num_experts": 8,
    "n_routed_experts": 8,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "q_lora_rank": 64,
    "kv_lora_rank": 64,
}
"""Upper bounds of independent sizes. Head sizes are kept, since positions are encoded in them."""


def architecture_of(config: Config) -> Config:
    """Return the values that define the architecture, for ``TransformersModel.architecture``.

    Raises:
        InvalidValueError: no ``model_type``, or neither a causal language model nor a text encoder.
    """
    if not isinstance(config.get("model_type"), str):
        raise InvalidValueError("config.json", config.get("model_type"), "a model_type, such as 'llama'")
    named = config.get("architectures") or []
    if named and not is_encoder(config) and not any(str(name).endswith(_CAUSAL) for name in named):
        raise InvalidValueError(
            "architecture",
            ", ".join(map(str, named)),
            "a causal language model (…ForCausalLM) or a text encoder such as BertModel",
            "For other models write a skeleton with --bare.",
        )
    return {key: value for key, value in config.items() if key not in _NOT_ARCHITECTURE and not key.startswith("_")}


def is_encoder(config: Config) -> bool:
    """Return whether this kind of network is a text encoder."""
    return config["model_type"] in _ENCODERS


def max_input_length(architecture: Config) -> int:
    """Return the number of positions for tokens."""
    stated = next((architecture[key] for key in _POSITIONS if isinstance(architecture.get(key), int)), _UNLIMITED)
    return stated - _BEFORE_FIRST_POSITION.get(architecture.get("model_type", ""), 0)


def reduced(architecture: Config) -> Config:
    """Return the values that differ in a small model of the same architecture.

    It has fewer layers, heads, experts and tokens, but every kind of layer and every required ratio.
    """
    smaller = {key: min(architecture[key], most) for key, most in _AT_MOST.items() if _is_size(architecture.get(key))}
    smaller |= dict(_heads_and_widths(architecture))
    smaller |= dict(_layers(architecture))
    vocabulary = smaller.get("vocab_size", 0)
    smaller |= {
        key: [token] if isinstance(architecture[key], list) else token
        for key, token in _TOKENS.items()
        if _largest(architecture.get(key)) >= vocabulary
    }
    return {key: value for key, value in smaller.items() if value != architecture[key]}


def _heads_and_widths(architecture: Config) -> Iterator[tuple[str, int]]:
    width_key = next((key for key in _WIDTH if key in architecture), None)
    heads_key = next((key for key in _HEADS if key in architecture), None)
    if width_key is None or heads_key is None:
        return
    width, heads = architecture[width_key], architecture[heads_key]
    fewer = min(heads, 4)
    yield heads_key, fewer
    if _is_size(key_value_heads := architecture.get("num_key_value_heads")):
        yield "num_key_value_heads", max(1, key_value_heads * fewer // heads)
    free = "qk_nope_head_dim" in architecture or _is_size(architecture.get("head_dim"))
    narrower = min(width, 256) if free else fewer * (width // heads)
    yield width_key, narrower
    for key in _FEED_FORWARD:
        if _is_size(architecture.get(key)):
            yield key, min(architecture[key], _rounded(architecture[key] * narrower / width))


def _layers(architecture: Config) -> Iterator[tuple[str, object]]:
    """Yield fewer layers; lists with one entry per layer are cut after the last new kind of layer."""
    key = next((key for key in _LAYERS if key in architecture), None)
    if key is None:
        return
    count = architecture[key]
    per_layer = {name: of for name, of in architecture.items() if isinstance(of, list) and len(of) == count > 1}
    firsts = [of.index(kind) + 1 for of in per_layer.values() for kind in of if isinstance(kind, str)]
    fewer = min(count, max([4, *firsts]))
    yield key, fewer
    yield from ((name, of[:fewer]) for name, of in per_layer.items())


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _largest(token: object) -> int:
    tokens = token if isinstance(token, list) else [token]
    return max((value for value in tokens if isinstance(value, int)), default=-1)


def _rounded(size: float) -> int:
    return max(32, round(size / 32) * 32)
