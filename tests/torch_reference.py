"""What torch computes in float32 from a folder of weights: other engines are held against it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.place_folders import LLAMA

_SIZES = {"hidden_size": 64, "intermediate_size": 128}  # whole blocks of 32, and heads of 16, which engines need
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {**LLAMA, **_SIZES},
    "tied": {**LLAMA, **_SIZES, "tie_word_embeddings": True},
    "qwen2": {**LLAMA, **_SIZES, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]},
    "mistral": {**LLAMA, **_SIZES, "model_type": "mistral", "architectures": ["MistralForCausalLM"]},
    "qwen3": {**LLAMA, **_SIZES, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 16},
}
IDS = [(7 * number) % LLAMA["vocab_size"] for number in range(100)]


def torch_logits(folder: Path, ids: Sequence[int]) -> NDArray[np.float32]:
    """Return the logits after each token."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.inference_mode():
        found: NDArray[np.float32] = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([ids])).logits[0].numpy()
    return found


def torch_greedy(folder: Path, ids: Sequence[int], new_tokens: int) -> list[int]:
    """Return greedy tokens, running the whole sequence again for each; no token ends it."""
    sequence = list(ids)
    for _ in range(new_tokens):
        sequence.append(int(torch_logits(folder, sequence)[-1].argmax()))
    return sequence[len(ids) :]


def end_at_once(folder: Path, ids: Sequence[int]) -> None:
    """Make token 0 the end of sequence and the likeliest token after ``ids``: two rows of the output layer change."""
    import torch
    from transformers import AutoModelForCausalLM

    (likeliest,) = torch_greedy(folder, ids, 1)
    network = AutoModelForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        rows = network.lm_head.weight
        rows[[0, likeliest]] = rows[[likeliest, 0]].clone()
    network.config.eos_token_id = network.generation_config.eos_token_id = 0
    network.save_pretrained(folder)
