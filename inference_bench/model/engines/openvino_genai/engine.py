"""OpenVINO GenAI as an engine."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

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

_KINDS = ("llama", "qwen2", "qwen3")
_FORMS = {"float16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0"}
"""dtype → the form of the matrices in the GGUF file. Not Q4_1: the reader changes its numbers (docs/engines.md)."""


class OpenVINOGenAI(Engine):
    """OpenVINO on the CPU, which generates in a loop of its own."""

    title = "OpenVINO GenAI"
    reads = "a folder of a Llama, Qwen2 or Qwen3, converted by way of GGUF"
    requires = ("openvino_genai", "gguf", "torch")
    install = (*EXTRAS["openvino-genai"], *EXTRAS["models"])
    dtypes = tuple(_FORMS)
    boundary = Boundary(
        step="a loop of the engine, whose streamer is called for each token; the first comes after the prompt",
        sampling="the likeliest token, by the engine",
        copied="the token",
    )
    abilities = ("generate", "score", "serve")
    serving = "continuous batching by its ContinuousBatchingPipeline, in a process of its own; tokens after each step"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class of a generating model of one of the architectures that are tested.

        Raises:
            NotApplicableError: it does not generate text, or is of another architecture.
        """
        require_kind(cls.title, model, _KINDS)
        return class_in_engine(_OpenVINOModel, cls, model)

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return how a folder becomes a network of OpenVINO.

        Raises:
            WeightsError: the weights are a GGUF file.
        """
        require_folder(cls.title, weights)
        form = _FORMS[setup.dtype]
        return Conversion(
            form=f"openvino-{setup.dtype}",
            converter=f"openvino-genai (GGUF reader), gguf {version('gguf')}",
            version=version("openvino-genai"),
            module="inference_bench.model.engines.openvino_genai.conversion",
            arguments=(form,),
            options={"form": form},
        )


class _OpenVINOModel(EngineModel):
    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load the folder."""
        with steps.step("import"):
            from inference_bench.model.engines.openvino_genai.session import OpenVINOSession
        with steps.step("open"):
            return OpenVINOSession(path, setup, self.max_input_length)
