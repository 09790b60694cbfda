"""Whether a folder of weights belongs to a model, and the name that its figures go under if it does not.

A fine-tuned model has the sizes of its original. With other sizes it is another model, whose figures must not be taken
for those of the original.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from inference_bench.errors import InvalidValueError, WeightsError
from inference_bench.model.model import Model
from inference_bench.model.weights.references import shown_path

SIZES = frozenset(
    (
        *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "layer_types", "depth"),
        *("hidden_size", "n_embd", "d_model", "dim", "head_dim", "out_hidden_size"),
        *(
            "num_attention_heads",
            "n_head",
            "n_heads",
            "num_heads",
            "num_key_value_heads",
            "q_lora_rank",
            "kv_lora_rank",
        ),
        *("intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size", "ffn_dim", "n_inner"),
        *("num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok"),
        *("state_size", "mamba_d_state", "mamba_expand", "linear_num_key_heads", "linear_num_value_heads"),
    )
)
"""Keys of ``config.json`` that a fine-tune does not change; it may add tokens and positions."""


def measured_name(model: type[Model], weights: str) -> str:
    """Return the name that figures with these weights go under: the model's own, unless a folder has other sizes.

    Args:
        model: the model that loads them.
        weights: value of ``--weights``.

    Raises:
        InvalidValueError: the folder's ``config.json`` describes another kind of architecture.
    """
    folder = Path(weights).expanduser().absolute()
    if not (folder / "config.json").is_file():
        return model.name  # a source, a GGUF file, or refused when the weights are resolved
    found = differing_sizes(model, folder)
    if not found:
        return model.name
    name = re.sub(r"[^a-z0-9]+", "_", folder.name.lower()).strip("_")
    return f"local_{name}_{sha256(json.dumps(found).encode()).hexdigest()[:8]}"


def differing_sizes(model: type[Model], folder: Path) -> list[tuple[str, object]]:
    """Return the sizes of a folder's ``config.json`` that are not the model's: key and value, sorted.

    Raises:
        InvalidValueError: it describes another kind of architecture.
        WeightsError: it cannot be read.
    """
    expected: Mapping[str, object] = getattr(model, "architecture", {})
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"weights {folder / 'config.json'}: not readable: {error}.") from None
    if not isinstance(config, dict):
        raise WeightsError(f"weights {folder / 'config.json'}: expected a JSON object.")
    kind, wanted = config.get("model_type"), expected.get("model_type")
    if wanted is not None and kind is not None and kind != wanted:
        advice = f"Measure it under its own name: --model {shown_path(folder)}."
        raise InvalidValueError(f"weights of {model.name}", f"{folder.name} ({kind})", f"a {wanted} model", advice)
    return sorted(_differing(expected, config), key=str)


def _differing(expected: Mapping[str, object], found: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the differing sizes of both, nested ones by their own key; what one leaves out is its class's default."""
    for key, value in found.items():
        wanted = expected.get(key)
        if isinstance(value, Mapping) and isinstance(wanted, Mapping):
            yield from _differing(wanted, value)
        elif key in SIZES and None not in (value, wanted) and value != wanted:
            yield key, value
