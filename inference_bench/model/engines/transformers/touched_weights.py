"""The weights that calls of modules read, and those that they multiply by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from inference_bench.errors import NotApplicableError
from inference_bench.model.engines.transformers.quantization import int8_tensors

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

    from inference_bench.model.engines.transformers.called_modules import Call

_ALL_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_TAKEN_EXPERTS = ("num_experts_per_tok", "moe_k", "moe_top_k", "top_k_experts")


@dataclass(frozen=True, slots=True)
class Experts:
    """How many experts a layer has, and how many of them a token takes."""

    count: int
    taken: int


@dataclass(frozen=True, slots=True)
class Touched:
    """What calls read.

    Attributes:
        weight_bytes: read for one token: of a table of embeddings one row, of experts those that it takes.
        multiplied: parameters that a token is multiplied by.
        expert_bytes: of all experts of the called layers.
        matrices: parameters of each matrix that a token is multiplied by, without those of experts.
    """

    weight_bytes: int = 0
    multiplied: int = 0
    expert_bytes: int = 0
    matrices: tuple[int, ...] = ()

    def __add__(self, other: Touched) -> Touched:
        return Touched(
            self.weight_bytes + other.weight_bytes,
            self.multiplied + other.multiplied,
            self.expert_bytes + other.expert_bytes,
            self.matrices + other.matrices,
        )


def experts_of(config: PreTrainedConfig) -> Experts | None:
    """Return the experts that a configuration states; None of a network without experts."""
    count = next((found for name in _ALL_EXPERTS if (found := getattr(config, name, None))), None)
    taken = next((found for name in _TAKEN_EXPERTS if (found := getattr(config, name, None))), None)
    return Experts(count, taken) if isinstance(count, int) and isinstance(taken, int) else None


def touched(calls: Iterable[Call], experts: Experts | None) -> Touched:
    """Return what calls read, each of a module's own parameters once per call.

    Raises:
        NotApplicableError: a parameter that is neither a vector, a matrix, nor a stack of one matrix per expert.
    """
    return sum((_of_module(call.module, experts) for call in calls), Touched())


def _of_module(module: torch.nn.Module, experts: Experts | None) -> Touched:
    import torch

    tensors = [*module.parameters(recurse=False), *int8_tensors(module)]
    if isinstance(module, torch.nn.Embedding):
        return Touched(sum(_size(tensor) // tensor.shape[0] for tensor in tensors))
    if all(tensor.dim() <= 2 for tensor in tensors):
        matrices = tuple(tensor.numel() for tensor in tensors if tensor.dim() == 2)
        return Touched(sum(map(_size, tensors)), sum(matrices), matrices=matrices)
    if experts is not None and all(tensor.dim() <= 3 and tensor.shape[0] == experts.count for tensor in tensors):
        return _of_experts(tensors, experts)
    shapes = ", ".join(" x ".join(map(str, tensor.shape)) for tensor in tensors)
    raise NotApplicableError(f"the part that {type(module).__name__} with weights of {shapes} has in a step is unknown")


def _of_experts(tensors: Sequence[torch.Tensor], experts: Experts) -> Touched:
    """Return what one token reads of stacks of one matrix, or of one bias, per expert."""
    share = Fraction(experts.taken, experts.count)
    size = sum(map(_size, tensors))
    multiplied = sum(tensor.numel() for tensor in tensors if tensor.dim() == 3)
    return Touched(int(size * share), int(multiplied * share), size)


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
