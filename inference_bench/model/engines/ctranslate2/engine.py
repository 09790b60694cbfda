"""CTranslate2 as an engine."""

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

_KINDS = ("llama", "mistral", "qwen2", "qwen3")


class CTranslate2(Engine):
    """CTranslate2, which generates in a loop of its own."""

    title = "CTranslate2"
    reads = "a folder of a Llama, Mistral, Qwen2 or Qwen3, converted"
    requires = ("ctranslate2", "torch", "transformers")
    install = (*EXTRAS["ctranslate2"], *EXTRAS["models"])
    dtypes = ("float32", "int8")
    boundary = Boundary(
        step="a loop of the engine, which calls back for each token; the first comes after the prompt",
        sampling="the likeliest token, by the engine",
        copied="the token",
    )

    serving = "a batch takes no further request once it has begun"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class of a generating model of one of the architectures that are tested.

        Raises:
            NotApplicableError: it does not generate text, or is of another architecture.
        """
        require_kind(cls.title, model, _KINDS)
        return class_in_engine(_CTranslate2Model, cls, model)

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return how a folder becomes a model of CTranslate2.

        Raises:
            WeightsError: the weights are a GGUF file.
        """
        require_folder(cls.title, weights)
        return Conversion(
            form=f"ctranslate2-{setup.dtype}",
            converter="ctranslate2 (TransformersConverter)",
            version=version("ctranslate2"),
            module="inference_bench.model.engines.ctranslate2.conversion",
            arguments=(setup.dtype,),
            options={"quantization": setup.dtype, "vocabulary": "numbers"},
        )


class _CTranslate2Model(EngineModel):
    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load the folder."""
        with steps.step("import"):
            from inference_bench.model.engines.ctranslate2.session import CTranslate2Session
        with steps.step("open"):
            return CTranslate2Session(path, setup, self.max_input_length)
