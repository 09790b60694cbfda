"""Which modules of a network one pass calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module.

    Attributes:
        module: that is called.
        rows: of its first input, over all dimensions but the last; 0 if that is no tensor.
    """

    module: torch.nn.Module
    rows: int


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Collect the calls of all modules in this block, in their order."""
    import torch

    calls: list[Call] = []

    def note(module: torch.nn.Module, inputs: tuple[object, ...]) -> None:
        first = inputs[0] if inputs else None
        rows = first.numel() // max(first.shape[-1], 1) if isinstance(first, torch.Tensor) and first.dim() else 0
        calls.append(Call(module, rows))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        yield calls
    finally:
        handle.remove()
