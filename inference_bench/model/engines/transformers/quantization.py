"""Dynamic int8 quantisation of linear layers on the CPU: int8 weights, inputs quantised on each call.

Everything but ``torch.nn.Linear`` stays float32: embeddings, norms, and experts in one three-dimensional tensor.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def quantize_int8(network: PreTrainedModel) -> PreTrainedModel:
    """Quantise a float32 network in place, weights per tensor, by torch's own defaults, and return it."""
    import torch

    with warnings.catch_warnings():
        # torch recommends torchao, another package; this is the quantisation in torch itself.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        quantize: Any = torch.ao.quantization.quantize_dynamic  # without annotations
        quantize(network, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)
    return network


def parameter_bytes(network: torch.nn.Module) -> int:
    """Return the bytes of a network's parameters, including int8."""
    tensors = [*network.parameters(), *(tensor for layer in _int8_layers(network) for tensor in layer)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def describe_int8(network: torch.nn.Module) -> str:
    """Describe which part of a quantised network is int8."""
    layers = _int8_layers(network)
    weights = sum(layer[0].numel() for layer in layers)
    return f"{weights:,} weights of {len(layers)} linear layers in int8, scaled per tensor; the rest float32"


def int8_tensors(module: torch.nn.Module) -> list[torch.Tensor]:
    """Return the weight, and the bias if there is one, of a layer in int8; nothing of any other module."""
    import torch

    if not isinstance(module, torch.ao.nn.quantized.dynamic.Linear):
        return []
    layer: Any = module  # without annotations
    return [tensor for tensor in (layer.weight(), layer.bias()) if tensor is not None]


def _int8_layers(network: torch.nn.Module) -> list[list[torch.Tensor]]:
    return [tensors for module in network.modules() if (tensors := int8_tensors(module))]
