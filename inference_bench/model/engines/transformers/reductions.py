"""Derive smaller models of the same architecture, with every kind of layer."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice
from math import gcd
from typing import Any

from inference_bench.model.engines.transformers.config_file import Config

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_LISTS_OF_LAYERS = ("layer_types", "layers_block_type", "hybrid_override_pattern")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
_ALL_HEADS = (*_HEADS, "num_heads", "mamba_n_heads", "mamba_num_heads", "n_mamba_heads")
_SHARED_HEADS = ("num_key_value_heads", "n_groups", "mamba_n_groups", "mamba_ngroups")
_OTHER_WIDTHS = ("attention_hidden_size", "lru_width", "mamba_d_ssm", "mamba_intermediate_size")
_NARROWEST = 128
_FEED_FORWARD = (
    *("intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size"),
    *("ffn_dim", "ffn_hidden_size", "hidden_dim", "n_inner"),
)
_PERIOD = re.compile(r"(_period|_interval|_pattern|_step|_freq|_frequency|every_n_layers?)$")
"""Ends of the names of values by which every n-th layer is of another kind."""

_LONGEST_PERIOD = 16
_MANY_KINDS = 8

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


def reductions(architecture: Config) -> Iterator[Config]:
    """Yield small models of an architecture, the smallest first: not every network can be built or run in each."""
    smallest = dict(reduced(architecture))
    tokens = _unstated_tokens(architecture)
    yield smallest
    yield smallest | tokens
    widths = dict(_heads_and_widths(architecture))
    others = {key: value for key, value in smallest.items() if key not in widths} | tokens
    for each in (1, 2):
        layers = {key: value for key, value in _layers(architecture, each) if value != architecture[key]}
        yield others | layers | dict(_in_proportion(architecture))
        yield others | layers
        yield layers


def reduced_with_tokens(architecture: Config) -> Config:
    """Return the values of ``reduced``, and special tokens within the smaller vocabulary where none are stated."""
    return {**reduced(architecture), **_unstated_tokens(architecture)}


def _unstated_tokens(architecture: Config) -> dict[str, int]:
    """Return tokens to state: left out, they are the class's default, which may be beyond the smaller vocabulary."""
    return {key: token for key, token in _TOKENS.items() if key not in architecture}


def _in_proportion(architecture: Config) -> Iterator[tuple[str, int]]:
    """Yield all widths and numbers of heads divided by one number, so that what must be equal stays so."""
    width = next((architecture[key] for key in _WIDTH if _is_size(architecture.get(key))), 0)
    heads = [architecture[key] for key in _ALL_HEADS if _is_size(architecture.get(key))]
    common = gcd(width, *heads)
    divisor = max((of for of in range(1, common + 1) if common % of == 0 and width // of >= _NARROWEST), default=1)
    for key in (*_WIDTH, *_ALL_HEADS, *_FEED_FORWARD, *_OTHER_WIDTHS):
        if _is_size(architecture.get(key)):
            yield key, architecture[key] // divisor
    for key in _SHARED_HEADS:
        if _is_size(architecture.get(key)):
            yield key, max(1, architecture[key] // divisor)


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


def _layers(architecture: Config, each: int = 1) -> Iterator[tuple[str, object]]:
    """Yield fewer layers, ``each`` of every kind, with the values that say of which kind each layer is."""
    key = next((key for key in _LAYERS if _is_size(architecture.get(key))), None)
    listed = next((key for key in _LISTS_OF_LAYERS if isinstance(architecture.get(key), list | str)), None)
    count = architecture[key] if key else len(architecture[listed]) if listed else 0
    if count == 0:
        return
    described = dict(_descriptions(architecture, count))
    if periods := [value for name, value in architecture.items() if _is_period(name, value)]:
        # The kind follows from a layer's number: only the first layers keep theirs.
        kinds = [tuple(of[place] for of in described.values() if isinstance(of[place], str)) for place in range(count)]
        firsts = (kinds.index(kind) + 1 for kind in set(kinds))
        kept = list(range(min(count, max(4, each * max(periods), *firsts))))
    else:
        kept = _some_of_each(list(zip(*described.values(), strict=True)) or [()] * count, each)
    if key:
        yield key, len(kept)
    for name in described:
        yield name, _of_layers(architecture[name], kept, count)


def _descriptions(architecture: Config, count: int) -> Iterator[tuple[str, Sequence[Hashable]]]:
    """Yield the values with one entry per layer: lists, texts of one letter each, and lists of layers' numbers."""
    for name, value in architecture.items():
        if _is_per_layer(value, count):
            yield name, [str(of) if isinstance(of, list | Mapping) else of for of in value]
        elif _is_list_of_layers(name, value, count):
            yield name, [place in value for place in range(count)]


def _of_layers(value: Any, kept: Sequence[int], count: int) -> object:
    if not _is_per_layer(value, count):
        return [number for number, place in enumerate(kept) if place in value]
    chosen = [value[place] for place in kept]
    return "".join(chosen) if isinstance(value, str) else chosen


def _some_of_each(kinds: Sequence[tuple[Hashable, ...]], each: int) -> list[int]:
    """Return at least four layers in order, and the first ``each`` of every kind."""
    if len(set(kinds)) > _MANY_KINDS:  # numbers that differ from layer to layer are no kinds
        kinds = [tuple(of for of in kind if isinstance(of, str | bool)) for kind in kinds]
    places = range(len(kinds))
    firsts = {place for kind in set(kinds) for place in islice((of for of in places if kinds[of] == kind), each)}
    others = (place for place in places if place not in firsts)
    return sorted([*firsts, *islice(others, max(0, 4 - len(firsts)))])


def _is_per_layer(value: object, count: int) -> bool:
    return isinstance(value, list | str) and len(value) == count > 1


def _is_list_of_layers(name: str, value: object, count: int) -> bool:
    is_named = name.endswith(("_indices", "_ids", "_layers", "_idx")) and "token" not in name
    return (
        is_named and isinstance(value, list) and bool(value) and all(_is_size(of) and 0 <= of < count for of in value)
    )


def _is_period(name: str, value: object) -> bool:
    return bool(_PERIOD.search(name)) and _is_size(value) and isinstance(value, int) and 1 < value <= _LONGEST_PERIOD


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _largest(token: object) -> int:
    tokens = token if isinstance(token, list) else [token]
    return max((value for value in tokens if isinstance(value, int)), default=-1)


def _rounded(size: float) -> int:
    return max(32, round(size / 32) * 32)
