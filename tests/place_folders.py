"""Folders of weights as users have them: tiny, real, and written without a framework where that is enough."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
BERT: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 300,
    "max_position_embeddings": 64,
}


def write_safetensors(path: Path, dtype: str = "F32", **shapes: tuple[int, ...]) -> None:
    """Write zeros of these shapes."""
    size, end, header = {"F32": 4, "BF16": 2, "F16": 2}[dtype], 0, {}
    for name, shape in shapes.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end := end + size * prod(shape)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def place(path: Path, config: Mapping[str, Any] | None = None, *, dtype: str = "F32") -> Path:
    """Write a folder that can be planned: ``config.json`` and 12 numbers."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config or LLAMA))
    write_safetensors(path / "model.safetensors", dtype, a=(2, 4), b=(4,))
    return path


def trained(path: Path, config: Mapping[str, Any] = LLAMA) -> Path:
    """Write a folder that can be loaded, as ``save_pretrained`` does."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    torch.manual_seed(0)
    of = dict(config)
    auto = AutoModelForCausalLM if of.pop("architectures")[0].endswith("ForCausalLM") else AutoModel
    auto.from_config(AutoConfig.for_model(**of)).save_pretrained(path)
    return path


def add_tokenizer(path: Path) -> None:
    """Add a tokenizer of whole words, as ``save_pretrained`` of a fast tokenizer does."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "<s>", "</s>", "the", "of", "and", "a", "to", "in", "is", "What", "?", "."]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}"
    fast.save_pretrained(path)
