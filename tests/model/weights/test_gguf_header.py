"""The header of a GGUF file says what gguf's own reader says, and a damaged one is an error of one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from inference_bench.errors import InvalidValueError, WeightsError
from inference_bench.model.engines.transformers.gguf_config import KINDS, config_of
from inference_bench.model.weights.gguf_header import GgufHeader, read_gguf_header


def test_a_header_is_read_without_the_tensors(tiny_gguf: Path) -> None:
    import gguf

    header, reader = read_gguf_header(tiny_gguf), gguf.GGUFReader(tiny_gguf)
    assert header.text("general.architecture") == "llama"
    assert header.values["llama.context_length"] == 64
    assert header.values["tokenizer.ggml.tokens"] == 8
    assert header.tensors == {tensor.name for tensor in reader.tensors}
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)


def test_a_header_is_a_configuration(tiny_gguf: Path) -> None:
    config = config_of(read_gguf_header(tiny_gguf), tiny_gguf)
    assert {**config, "rms_norm_eps": 0} == {
        "model_type": "llama",
        "max_position_embeddings": 64,
        "num_hidden_layers": 2,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 0,
        "rope_theta": 10_000.0,
        "vocab_size": 8,
        "tie_word_embeddings": True,
    }


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidValueError, match=r"architecture of x\.gguf: got 'clip', expected .* qwen3moe"):
        config_of(GgufHeader({"general.architecture": "clip"}, 0, frozenset(), 0), Path("x.gguf"))


def test_the_known_architectures_are_those_that_transformers_reads() -> None:
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    assert {kind.removesuffix("_text") for kind in KINDS.values()} <= set(GGUF_SUPPORTED_ARCHITECTURES)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no GGUF file"),
        (b"PK\3\4" * 9, "no GGUF file"),
        (b"GGUF", "it ends within its header"),
        (struct.pack("<4sIQQ", b"GGUF", 9, 1, 1), "version 9"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 1 << 60), "states 1,152,921,504,606,846,976 entries"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 1, 1, 1 << 50), "states 1,125,899,906,842,624 entries or bytes"),
        (struct.pack("<4sIQQQ1sI", b"GGUF", 3, 0, 1, 1, b"k", 99), "damaged at byte"),
    ],
)
def test_a_damaged_header_is_one_line_that_names_the_file(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_gguf_header(path)
    assert str(path) in str(caught.value)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_cut_off_anywhere_in_its_header_is_damaged(tiny_gguf: Path, tmp_path: Path) -> None:
    whole = tiny_gguf.read_bytes()
    end = whole.rindex(b"blk.1.") + 40
    for length in range(4, end, 37):
        path = tmp_path / f"{length}.gguf"
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="its header cannot be read"):
            read_gguf_header(path)
