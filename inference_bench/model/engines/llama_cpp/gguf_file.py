"""Write a folder of safetensors as a GGUF file without a real vocabulary: token ids go in and come out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.errors import WeightsError
from inference_bench.model.engines.llama_cpp.files import KINDS
from inference_bench.model.weights.files import weights_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_NORMAL, _CONTROL = 1, 3
"""``gguf.TokenType`` of words; a reader that looks for a special one finds the first."""


def write_gguf(folder: Path, target: Path, form: str = "F32", *, numbered: bool = False) -> None:
    """Write the model of a folder.

    Args:
        folder: of ``config.json`` and safetensors.
        target: the file.
        form: of the matrices, by its name in ``gguf.GGMLQuantizationType`` and ``LlamaFileType``; vectors stay float32.
        numbered: whether to write a vocabulary of numbered words, for readers that demand one.

    The names of tensors and keys are those of the package ``gguf``, which the makers of llama.cpp keep.

    Raises:
        WeightsError: an architecture that is not among ``KINDS``, or a tensor that has no place in it.
    """
    import gguf

    config = json.loads((folder / "config.json").read_bytes())
    kind = config.get("model_type")
    if kind not in KINDS:
        raise WeightsError(f"weights {folder}: {kind}, expected one of {', '.join(KINDS)}. Take a GGUF file.")
    if config.get("rope_scaling") or (config.get("rope_parameters") or {}).get("rope_type", "default") != "default":
        raise WeightsError(f"weights {folder}: scaled rotary positions are not written as GGUF here. Take a GGUF file.")
    writer = gguf.GGUFWriter(target, KINDS[kind])
    _write_sizes(writer, config)
    writer.add_file_type(_file_type(gguf, form))
    _write_words(writer, config["vocab_size"] if numbered else 0)
    stored = gguf.GGMLQuantizationType[form]
    names = gguf.get_tensor_name_map(_architecture(gguf, KINDS[kind]), config["num_hidden_layers"])
    tied = config.get("tie_word_embeddings", False)
    for name, values in _tensors(folder):
        if tied and name == "lm_head.weight":
            continue
        place = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if place is None:
            raise WeightsError(f"weights {folder}: {name} has no place in a GGUF file of {KINDS[kind]}.")
        values = _turned(name, values, config) if KINDS[kind] == "llama" else values
        as_stored = stored if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(place, gguf.quantize(values, as_stored), raw_dtype=as_stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _architecture(gguf: Any, name: str) -> Any:
    return next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)


def _write_sizes(writer: Any, config: Mapping[str, Any]) -> None:
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    theta = config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta") or 10_000.0
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(theta)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _file_type(gguf: Any, form: str) -> int:
    names = gguf.LlamaFileType.__members__
    return int(names.get(f"MOSTLY_{form}", gguf.LlamaFileType.ALL_F32))


def _write_words(writer: Any, count: int) -> None:
    """Write a vocabulary of numbered words, or say that there is none."""
    if not count:
        writer.add_tokenizer_model("no_vocab")
        return
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"t{number}" for number in range(count)])
    writer.add_token_types([_CONTROL, *[_NORMAL] * (count - 1)])
    writer.add_token_merges(["t 1"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


def _tensors(folder: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each tensor, as float32, which holds every bfloat16 and float16 exactly."""
    import torch
    from safetensors import safe_open

    for name in weights_files(folder):
        with safe_open(folder / name, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (it is no mapping)
                yield key, file.get_tensor(key).to(torch.float32).numpy()


def _turned(name: str, values: NDArray[np.float32], config: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the rows of a query or key projection as llama.cpp's Llama has them: rotary pairs side by side.

    transformers rotates element i with element i + size/2 of a head, llama.cpp's Llama element 2i with 2i + 1.
    """
    heads = {"q_proj": config["num_attention_heads"]}
    heads["k_proj"] = config.get("num_key_value_heads") or heads["q_proj"]
    part = name.split(".")[-2]
    if part not in heads:
        return values
    count = heads[part]
    halves = values.reshape(count, 2, values.shape[0] // count // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)
