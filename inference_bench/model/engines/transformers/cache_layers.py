"""The layers of a key-value cache as one sequence has filled them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inference_bench.errors import NotApplicableError


@dataclass(frozen=True, slots=True)
class CacheLayer:
    """What one layer keeps.

    Attributes:
        bytes_per_position: of keys and values.
        widths: entries of a key and of a value of one head, summed.
        window: most positions that it keeps; None for all.
    """

    bytes_per_position: int
    widths: int
    window: int | None


def cache_layers(cache: Any) -> tuple[CacheLayer, ...]:
    """Return the layers of a cache; of an encoder-decoder those of either part, if they are alike.

    Raises:
        NotApplicableError: no cache, or one that does not keep keys and values per position.
    """
    from transformers import EncoderDecoderCache

    if isinstance(cache, EncoderDecoderCache):
        own, of_encoder = cache_layers(cache.self_attention_cache), cache_layers(cache.cross_attention_cache)
        if own != of_encoder:
            raise NotApplicableError("its decoder keeps keys and values of another size of the encoder's positions")
        return own
    if not getattr(cache, "layers", None):
        raise NotApplicableError("it generates without a key-value cache of layers")
    return tuple(_layers(cache))


def _layers(cache: Any) -> Iterator[CacheLayer]:
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    for layer in cache.layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) or layer.keys is None:
            raise NotApplicableError(f"its cache has a {type(layer).__name__}, which is no list of keys and values")
        keys, values = layer.keys, layer.values
        positions = keys.shape[-2]
        size = keys.numel() * keys.element_size() + values.numel() * values.element_size()
        yield CacheLayer(
            bytes_per_position=size // (keys.shape[0] * positions),
            widths=keys.shape[-1] + values.shape[-1],
            window=layer.sliding_window if type(layer) is DynamicSlidingWindowLayer else None,
        )
