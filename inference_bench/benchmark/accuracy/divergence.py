"""The difference between two sets of logits over the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Divergence:
    """The difference of one passage's logits between two configurations.

    Attributes:
        top1_agreement: fraction of positions with the same most likely token.
        kl_divergence: KL(reference || other) of the next-token distributions, mean over positions, in nats.
        max_logit_error: largest absolute difference of two logits.
    """

    top1_agreement: float
    kl_divergence: float
    max_logit_error: float


def compare_logits(reference: NDArray[np.float32], logits: NDArray[np.float32]) -> Divergence:
    """Compare logits, both of shape (length, vocabulary).

    Subtracting a logit's maximum and summing in float64 keeps differences of 1e-12 nats visible.

    Raises:
        InvalidValueError: a logit is NaN or infinite.
    """
    import numpy as np

    if not (np.isfinite(reference).all() and np.isfinite(logits).all()):
        raise InvalidValueError("logits", "NaN or infinity", "finite numbers", "They overflow: try another dtype.")
    q, p = _log_softmax(reference), _log_softmax(logits)
    kl = (np.exp(q) * (q - p)).sum(-1)
    return Divergence(
        top1_agreement=float((reference.argmax(-1) == logits.argmax(-1)).mean()),
        # Never negative by definition; rounding may give a tiny negative value.
        kl_divergence=max(0.0, float(kl.mean())),
        max_logit_error=float(np.abs(reference.astype(np.float64) - logits).max()),
    )


def first_difference(reference: Sequence[int], tokens: Sequence[int]) -> int:
    """Return the number of equal tokens before the first difference."""
    pairs = zip(reference, tokens, strict=True)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), len(reference))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    import numpy as np

    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normalised
