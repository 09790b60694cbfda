"""Demands of a plain decoder (Llama, Mistral, Qwen2, Qwen3), from its sizes and the bytes that an engine stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_bench.demands import Demands
from inference_bench.errors import NotApplicableError

_SMALL_SHARE = 0.01
"""Most of a decoder's parameters that are norms and biases."""


@dataclass(frozen=True, slots=True)
class DecoderSizes:
    """Sizes of a decoder with projections of query, key, value and output, and a gated feed-forward part.

    Attributes:
        layers: of the network.
        width: entries of a hidden state.
        inner: entries between the two halves of a feed-forward part.
        heads: of the queries.
        kv_heads: of the keys and values.
        head_size: entries of each.
        vocabulary: rows of the table of embeddings, and of the head.
        is_tied: whether table and head are stored once.
    """

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    is_tied: bool

    @property
    def body(self) -> int:
        """Parameters that every token is multiplied by, without the head."""
        attention = 2 * self.width * self.head_size * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.inner)

    @property
    def table(self) -> int:
        """Parameters of the table of embeddings, as many as those of the head."""
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """Stored parameters, without norms and biases."""
        return self.body + self.table * (1 if self.is_tied else 2)


def sizes_of_config(config: Mapping[str, Any]) -> DecoderSizes:
    """Return the sizes in a ``config.json``.

    Raises:
        NotApplicableError: no configuration, or layers that attend to a window.
    """
    if not config:
        raise NotApplicableError("its weights have no config.json, which states its sizes")
    window = config.get("sliding_window")
    if window and config.get("use_sliding_window", True):
        raise NotApplicableError(f"its layers attend to {window} positions; whether this engine keeps more is unknown")
    heads = config["num_attention_heads"]
    return DecoderSizes(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        inner=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        is_tied=bool(config.get("tie_word_embeddings", False)),
    )


def check_parameters(sizes: DecoderSizes, stored: int) -> None:
    """Refuse sizes that do not explain how many parameters are stored, as those of a mixture of experts.

    Raises:
        NotApplicableError: says both numbers.
    """
    if not sizes.parameters <= stored <= sizes.parameters * (1 + _SMALL_SHARE):
        raise NotApplicableError(f"its sizes make {sizes.parameters:,} parameters, and {stored:,} are stored")


def stored_bytes(folder: Path, *names: str) -> int:
    """Return the bytes of files of a folder; those that are not there have none."""
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())


def decoder_demands(
    sizes: DecoderSizes, read_bytes: int, kv_element_bytes: int, table_bytes: int | None = None
) -> Demands:
    """Return the demands of a decoder; nothing of it is counted.

    Args:
        sizes: of the network.
        read_bytes: of all weights, as the engine reads them.
        kv_element_bytes: of an entry of the key-value cache.
        table_bytes: of a table of embeddings that is stored apart from the head, of which a step reads one row; if
            None, its share of the stored parameters where it is not tied.
    """
    if table_bytes is None:
        table_bytes = 0 if sizes.is_tied else read_bytes * sizes.table // sizes.parameters
    return Demands(
        weight_bytes=read_bytes - table_bytes,
        kv_bytes_per_position=2 * sizes.layers * sizes.kv_heads * sizes.head_size * kv_element_bytes,
        multiplied_parameters=sizes.body,
        head_parameters=sizes.table,
        attention_flops_per_pair=4 * sizes.layers * sizes.heads * sizes.head_size,
    )
