"""What engines require of models and weights, and how they refuse others."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from inference_bench.errors import NotApplicableError, WeightsError

if TYPE_CHECKING:
    from inference_bench.model.model import Model
    from inference_bench.model.weights.references import ResolvedWeights


def require_kind(title: str, model: type[Model], kinds: Collection[str], *, reads_gguf: bool = False) -> None:
    """Refuse a model that does not generate text, or is of an architecture that an engine does not run.

    Args:
        title: of the engine.
        model: as its own file describes it.
        kinds: ``model_type`` of the architectures that it runs.
        reads_gguf: whether a GGUF file of any architecture is left to the engine.

    Raises:
        NotApplicableError: says what the model is and what was expected.
    """
    model.require("generate")
    kind = getattr(model, "architecture", {}).get("model_type", "")
    if kind in kinds or (reads_gguf and model.local.endswith(".gguf")):
        return
    expected = [*kinds, "or a GGUF file"] if reads_gguf else kinds
    raise NotApplicableError(
        f"{title}: {model.name} is a {kind or 'model without architecture'}, expected {', '.join(expected)}"
    )


def require_folder(title: str, weights: ResolvedWeights) -> None:
    """Refuse a GGUF file.

    Raises:
        WeightsError: says what to take.
    """
    if weights.gguf is not None:
        raise WeightsError(f"{weights.label}: {title} reads no GGUF file. Take a folder with safetensors.")
