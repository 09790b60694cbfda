"""Rotary positions that remember the longest sequence so far (dynamic NTK), which changes what later ones are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class RotaryState:
    """The positions of a network that grow with its sequences; for most networks there are none."""

    def __init__(self, network: PreTrainedModel) -> None:
        self._growing: list[Any] = [module for module in network.modules() if "dynamic" in str(_kinds(module))]

    def reset(self) -> None:
        """Forget the sequences so far, as in a network that has just been loaded."""
        for module in self._growing:
            for name in [name for name in (*vars(module), *module._buffers) if name.endswith("original_inv_freq")]:
                prefix = name.removesuffix("original_inv_freq")
                frequencies = getattr(module, name).to(getattr(module, f"{prefix}inv_freq").device)
                module.register_buffer(f"{prefix}inv_freq", frequencies, persistent=False)
                setattr(module, f"{prefix}max_seq_len_cached", module.original_max_seq_len)


def _kinds(module: object) -> object:
    """Return the kind of a module's rotary positions, or a kind per type of layer."""
    return getattr(module, "rope_type", "") if hasattr(module, "max_seq_len_cached") else ""
