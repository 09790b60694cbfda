"""What a network in a GGUF file asks of a machine, by the header of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import NotApplicableError
from inference_bench.model.engine.decoder_demands import DecoderSizes, check_parameters, decoder_demands
from inference_bench.model.weights.gguf_header import GgufHeader, read_gguf_header

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.demands import Demands


def gguf_demands(file: Path, vocabulary: int, kv_element_bytes: int) -> Demands:
    """Return the demands of a plain decoder, whose tensors are read as the file stores them.

    Args:
        file: in GGUF.
        vocabulary: number of tokens.
        kv_element_bytes: of an entry of the key-value cache.

    Raises:
        NotApplicableError: another architecture, such as a mixture of experts.
    """
    header = read_gguf_header(file)
    sizes = _sizes(header, vocabulary)
    check_parameters(sizes, header.parameters)
    return decoder_demands(sizes, header.tensor_bytes, kv_element_bytes)


def _sizes(header: GgufHeader, vocabulary: int) -> DecoderSizes:
    width, heads = _size(header, "embedding_length"), _size(header, "attention.head_count")
    return DecoderSizes(
        layers=_size(header, "block_count"),
        width=width,
        inner=_size(header, "feed_forward_length"),
        heads=heads,
        kv_heads=_size(header, "attention.head_count_kv", heads),
        head_size=_size(header, "attention.key_length", width // heads),
        vocabulary=vocabulary,
        is_tied="output.weight" not in header.tensors,
    )


def _size(header: GgufHeader, name: str, otherwise: int | None = None) -> int:
    """Return a size by its key without the architecture.

    Raises:
        NotApplicableError: the header does not state it.
    """
    key = f"{header.text('general.architecture')}.{name}"
    found = header.values.get(key, otherwise)
    if not isinstance(found, int):
        raise NotApplicableError(f"the header of its GGUF file states no {key}")
    return found
