"""Counters of what torch does in a block: operations, and floating-point operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

Shape: TypeAlias = Sequence[int]


class OperationCount:
    """Operations so far."""

    def __init__(self) -> None:
        self.operations = 0


@contextmanager
def counted_operations() -> Iterator[OperationCount]:
    """Count the operations that torch is called for in this block, without those that only make a view."""
    from torch.utils._python_dispatch import TorchDispatchMode

    mode: Any = TorchDispatchMode  # without annotations
    found = OperationCount()

    class Counter(mode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found.operations += not _is_view(func)
            return func(*args, **(kwargs or {}))

    with Counter():
        yield found


def flop_counter() -> FlopCounterMode:
    """Return torch's counter of floating-point operations, with those operations that it does not know."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    known: dict[Any, Callable[..., int]] = {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        torch.ops.aten._grouped_mm: _grouped_product,
        torch.ops.quantized.linear_dynamic: _linear_layer,
    }
    return FlopCounterMode(display=False, custom_mapping=known)


def _is_view(operation: Any) -> bool:
    """Return whether an operation returns its input under another shape, by its schema."""
    returned = (found.alias_info for found in operation._schema.returns)
    return any(alias is not None and not alias.is_write for alias in returned)


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    """Return the operations of fused attention: of the scores of all pairs, and of the sums of values."""
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _grouped_product(rows: Shape, matrices: Shape, *_: object, **__: object) -> int:
    """Return the operations of experts: the rows are sorted by expert, each is multiplied by one matrix."""
    return 2 * prod(rows) * matrices[-1]


def _linear_layer(rows: Shape, *_: object, out_shape: Shape, **__: object) -> int:
    """Return the operations of a linear layer in int8, whose weight is packed."""
    return 2 * prod(rows) * out_shape[-1]
