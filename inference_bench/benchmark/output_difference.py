"""The difference between an output and its reference, both arrays of the same meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.benchmark.named_arrays import WHOLE
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FIGURES = ("output_error", "max_output_error", "cosine_distance", "top1_class", "same_values")
"""The metrics that ``differences`` returns some of."""


def differences(name: str, reference: NDArray[Any], output: NDArray[Any]) -> Mapping[str, float]:
    """Return metric → figure for one output; ``metrics`` has the formulas.

    Whole numbers, such as token ids and classes, are equal or not: their distance means nothing. Entries at which both
    are the same infinity, or both NaN, are left out.

    Raises:
        InvalidValueError: floats of different shapes, or not finite where the reference is.
    """
    import numpy as np

    if reference.dtype.kind in "biu" and output.dtype.kind in "biu":
        same = reference.shape == output.shape
        return {"same_values": float((reference == output).mean()) if same and reference.size else float(same)}
    if reference.shape != output.shape:
        raise InvalidValueError(f"output {name}", f"shape {output.shape}", f"{reference.shape}, as in the reference")
    if not reference.size:
        return {}
    expected, found = _comparable(name, reference, output)
    figures = {
        "output_error": _relative(float(np.linalg.norm(found - expected)), float(np.linalg.norm(expected))),
        "max_output_error": _relative(float(np.abs(found - expected).max()), float(np.abs(expected).max())),
        "cosine_distance": _cosine_distance(expected, found),
    }
    if _is_of_classes(name, reference):
        figures["top1_class"] = float((reference.argmax(-1) == output.argmax(-1)).mean())
    return figures


def _comparable(name: str, reference: NDArray[Any], output: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as flat arrays in double precision."""
    import numpy as np

    wide = np.complex128 if "c" in reference.dtype.kind + output.dtype.kind else np.float64
    expected, found = reference.astype(wide).ravel(), output.astype(wide).ravel()
    finite = np.isfinite(expected) & np.isfinite(found)
    odd = ~finite & ~((expected == found) | (np.isnan(expected) & np.isnan(found)))
    if odd.any():
        value = found[odd][0]
        expected_words = f"{expected[odd][0]:g}, as in the reference"
        raise InvalidValueError(f"output {name}", f"{value:g}", expected_words, "It overflows: try another dtype.")
    return np.where(finite, expected, 0), np.where(finite, found, 0)


def _relative(difference: float, size: float) -> float:
    """Return a difference over the reference's size; 1 if the reference is all zeros and the output is not."""
    if difference == 0:
        return 0.0
    return difference / size if size else 1.0


def _cosine_distance(expected: NDArray[Any], found: NDArray[Any]) -> float:
    """Return 1 minus the cosine: half the squared distance of the two on the unit sphere, which keeps small digits."""
    import numpy as np

    sizes = float(np.linalg.norm(expected)), float(np.linalg.norm(found))
    if not all(sizes):
        return float(any(sizes))
    return float(np.linalg.norm(found / sizes[1] - expected / sizes[0]) ** 2 / 2)


def _is_of_classes(name: str, reference: NDArray[Any]) -> bool:
    """Return whether the last axis holds the scores of classes: logits, or a lone output of rows."""
    is_named = name.rpartition(".")[2] == "logits" or (name == WHOLE and reference.ndim == 2)
    return is_named and reference.dtype.kind == "f" and reference.ndim > 0 and reference.shape[-1] > 1
