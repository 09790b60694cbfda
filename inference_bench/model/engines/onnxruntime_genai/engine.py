"""ONNX Runtime GenAI as an engine."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

from inference_bench.errors import WeightsError
from inference_bench.extras import EXTRAS
from inference_bench.model.engine.engine import Boundary, Engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.model.engine.requirements import require_folder, require_kind
from inference_bench.model.weights.conversion import Conversion

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.model.engine.session import EngineSession
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.model import Model
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup

_KINDS = ("llama", "mistral", "qwen2", "qwen3")
_PRECISIONS = {"float32": "fp32", "int8": "int8", "int4": "int4"}
"""dtype → what the builder calls it; its 16-bit types are for GPUs."""


_HEAD = 16
"""Elements of which a head has a multiple: its rotary positions are computed in such blocks."""


class OnnxRuntimeGenAI(Engine):
    """ONNX Runtime on the CPU, driven token by token through onnxruntime-genai."""

    title = "ONNX Runtime GenAI"
    reads = "a folder of a Llama, Mistral, Qwen2 or Qwen3 with its tokenizer, converted to ONNX"
    requires = ("onnxruntime_genai", "onnx_ir", "torch", "transformers")
    install = (*EXTRAS["onnxruntime-genai"], *EXTRAS["models"])
    dtypes = tuple(_PRECISIONS)
    boundary = Boundary(
        step="one append_tokens per call from here",
        sampling="argmax by numpy over the logits",
        copied="the logits of one position",
    )

    serving = "its Engine cannot ignore the end of sequence, only exclude it, which changes the tokens"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class of a generating model of one of the architectures that are tested.

        Raises:
            NotApplicableError: it does not generate text, or is of another architecture.
        """
        require_kind(cls.title, model, _KINDS)
        return class_in_engine(_OnnxModel, cls, model)

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return how a folder becomes an ONNX model.

        Raises:
            WeightsError: the weights are a GGUF file, or have heads that its attention does not run.
        """
        require_folder(cls.title, weights)
        _require_heads(weights)
        precision = _PRECISIONS[setup.dtype]
        return Conversion(
            form=f"onnx-{setup.dtype}",
            converter="onnxruntime-genai (models.builder)",
            version=version("onnxruntime-genai"),
            module="inference_bench.model.engines.onnxruntime_genai.conversion",
            arguments=(precision,),
            options={"precision": precision, "execution_provider": "cpu"},
        )


def _require_heads(weights: ResolvedWeights) -> None:
    """Refuse heads of a size that fails at the first prompt only.

    Raises:
        WeightsError: says the size.
    """
    if weights.path is None:
        return
    config = json.loads((weights.path / "config.json").read_bytes())
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if size % _HEAD:
        raise WeightsError(
            f"{weights.label}: heads of {size} elements, expected a multiple of {_HEAD}, which the attention of "
            "onnxruntime-genai needs. Take another engine."
        )


class _OnnxModel(EngineModel):
    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load the folder."""
        with steps.step("import"):
            from inference_bench.model.engines.onnxruntime_genai.session import OnnxSession
        with steps.step("open"):
            return OnnxSession(path, setup, self.max_input_length)
