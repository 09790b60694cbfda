"""The numbers in what a call takes and returns: tensors, arrays and numbers, by their place."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from numbers import Complex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = "output"
"""The name of an output that is one array."""


def named_arrays(value: object) -> dict[str, NDArray[Any]]:
    """Return every array, tensor and number of a nested value on the host, by its place.

    Lists and tuples are entered by position, mappings and dataclasses by name: ``logits``, ``hidden_states.0``. What is
    no number, such as a text or None, is left out. Floats have at least 32 bits; integers and bools keep their type.
    """
    return {name or WHOLE: array for name, leaf in leaves(value) if (array := _array(leaf)) is not None}


def digest(value: object) -> str:
    """Return a digest of the arrays, tensors, numbers and texts of a nested value, which changes if any of them does.

    It is empty if the value holds none of them: nothing is known then.
    """
    import numpy as np

    total, found = hashlib.blake2b(digest_size=16), False
    for name, leaf in leaves(value):
        found = True
        array = _array(leaf)
        total.update(repr((name, leaf) if array is None else (name, array.dtype.str, array.shape)).encode())
        if array is not None:
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest() if found else ""


def leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield the place and the value of each array, tensor, number and text of a nested value."""
    yield from _leaves(value, name, ())


def parts(value: object) -> Iterator[tuple[str, object]] | None:
    """Return the named parts of a container, or None for anything else."""
    if isinstance(value, Mapping):
        return ((str(key), value[key]) for key in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True)
    if isinstance(value, list | tuple):
        return ((str(index), each) for index, each in enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        return ((each.name, getattr(value, each.name)) for each in fields(value))
    return None


def is_array(value: object) -> bool:
    """Return whether this is an array or a tensor: it has a shape and can be sliced."""
    return hasattr(value, "__getitem__") and getattr(value, "shape", None) not in (None, ())


def _leaves(value: object, name: str, around: tuple[int, ...]) -> Iterator[tuple[str, object]]:
    inside = parts(value)
    if inside is None:
        if isinstance(value, Complex | str | bytes) or hasattr(value, "shape"):
            yield name, value
    elif id(value) not in around:  # a list may hold itself
        for key, part in inside:
            yield from _leaves(part, f"{name}.{key}" if name else key, (*around, id(value)))


def _array(leaf: object) -> NDArray[Any] | None:
    """Return a leaf as an array of numbers on the host, or None for a text and for objects."""
    import numpy as np

    if isinstance(leaf, str | bytes):
        return None
    torch: Any = sys.modules.get("torch")
    array = _host_array(leaf, torch) if torch is not None and isinstance(leaf, torch.Tensor) else np.asarray(leaf)
    if array.dtype.kind not in "biufc":
        return None
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype.itemsize < 4 else array


def _host_array(tensor: Any, torch: Any) -> NDArray[Any]:
    """Return a tensor's values; numpy has neither bfloat16 nor sparse arrays."""
    values = tensor.detach().to_dense().cpu().resolve_conj().resolve_neg()
    if values.is_floating_point() and values.element_size() < 4:
        values = values.to(torch.float32)
    array: NDArray[Any] = values.numpy()
    return array
