"""Dynamic int8 quantisation of linear layers, on the CPU: int8 weights, inputs quantised call by call.

Whatever is no ``torch.nn.Linear`` stays float32: embeddings, norms, and experts held as one three-dimensional tensor.
"""

from __future__ import annotations

import warnings
from typing import Any


def quantize_int8(network: Any) -> Any:
    """Quantise a float32 network in place, weights per tensor, by torch's own defaults, and return it."""
    import torch

    with warnings.catch_warnings():
        # torch points to torchao, a package of its own. This is the quantisation that comes with torch.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        quantize: Any = torch.ao.quantization.quantize_dynamic
        return quantize(network, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)


def parameter_bytes(network: Any) -> int:
    """Return the bytes that a network's parameters take, those in int8 included."""
    packed = [tensor for layer in _int8_layers(network) for tensor in (layer.weight(), layer.bias())]
    tensors = [*network.parameters(), *(tensor for tensor in packed if tensor is not None)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def describe_int8(network: Any) -> str:
    """Say how much of a quantised network is int8."""
    layers = _int8_layers(network)
    weights = sum(layer.weight().numel() for layer in layers)
    return f"{weights:,} weights of {len(layers)} linear layers in int8, scaled per tensor; the rest float32"


def _int8_layers(network: Any) -> list[Any]:
    import torch

    return [module for module in network.modules() if isinstance(module, torch.ao.nn.quantized.dynamic.Linear)]
