"""Whether a network reads text in one direction, and whether it can go on from a cache with several tokens at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inference_bench.model.engines.transformers.greedy_steps import prepares_inputs, takes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BY_LENGTH = {"dynamic", "longrope"}
"""Kinds of rotary positions whose factors depend on the length of the sequence."""


_SAME = 0.01
"""Difference of two logits that is rounding, in standard deviations."""


def reads_ahead(network: PreTrainedModel) -> bool:
    """Return whether later tokens change the logits of earlier ones, which are then no predictions; runs two texts."""
    import torch

    with torch.inference_mode(), _exact_inputs(network):
        one, other = (
            network(input_ids=torch.tensor([[3, 4, last]], device=network.device)).logits[0, 0].float()
            for last in (5, 6)
        )
    return bool((one - other).abs().max() > _SAME * one.std())


@contextmanager
def _exact_inputs(network: PreTrainedModel) -> Iterator[None]:
    """Let layers that quantise their inputs use them as they are.

    The scale of such inputs is that of the whole text, so that a later token changes the logits of all earlier ones,
    although no layer reads it there.
    """
    import torch

    def exact(layer: Any, inputs: tuple[torch.Tensor], _: object) -> torch.Tensor:  # torch.ao has no annotations
        return torch.nn.functional.linear(inputs[0], layer.weight().dequantize(), layer.bias())

    layers = [each for each in network.modules() if isinstance(each, torch.ao.nn.quantized.dynamic.Linear)]
    hooks = [layer.register_forward_hook(exact) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def can_be_continued(network: PreTrainedModel) -> bool:
    """Return whether a continuation can be run on the cache of its context; runs one token.

    Only keys and values of attention with fixed positions: a recurrent state takes one token at a time in some
    networks, and others make their cache anew at some length.
    """
    if prepares_inputs(network) or not takes(network, "past_key_values"):
        return False
    return not _rotates_by_length(network.config.get_text_config().to_dict()) and _has_attention_only(network)


def _has_attention_only(network: PreTrainedModel) -> bool:
    """Run one token, and return whether every layer of its cache holds keys and values of attention."""
    import torch
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    with torch.inference_mode():
        cache = network(input_ids=torch.zeros(1, 1, dtype=torch.long, device=network.device), use_cache=True).get(
            "past_key_values"
        )
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _rotates_by_length(value: object) -> bool:
    if isinstance(value, Mapping):
        return value.get("rope_type") in _BY_LENGTH or any(map(_rotates_by_length, value.values()))
    return False
