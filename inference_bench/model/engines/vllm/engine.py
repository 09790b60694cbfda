"""vLLM as an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.extras import EXTRAS
from inference_bench.model.engine.engine import Boundary, Engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.model.engine.requirements import require_folder, require_kind

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.model.engine.session import EngineSession
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.model import Model
    from inference_bench.model.weights.conversion import Conversion
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup

_KINDS = ("llama", "mistral", "qwen2", "qwen3")


class VLLM(Engine):
    """vLLM on the CPU, which generates and schedules in processes of its own."""

    title = "vLLM"
    reads = "a folder of a Llama, Mistral, Qwen2 or Qwen3"
    requires = ("vllm",)
    install = EXTRAS["vllm"]
    dtypes = ("float32", "bfloat16", "float16")
    boundary = Boundary(
        step="a loop of the engine in two processes of its own, whose tokens reach an event loop here; several that "
        "have come together are stamped together",
        sampling="the likeliest token, by the engine",
        copied="the token",
    )
    abilities = ("generate", "serve")
    serving = "continuous batching by its AsyncLLM, whose scheduler and network are processes of their own"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class of a generating model of one of the architectures that are tested.

        Raises:
            NotApplicableError: it does not generate text, or is of another architecture.
        """
        require_kind(cls.title, model, _KINDS)
        return class_in_engine(_VLLMModel, cls, model, in_process=False)

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return None: it reads the folder itself.

        Raises:
            WeightsError: the weights are a GGUF file.
        """
        require_folder(cls.title, weights)
        return None


class _VLLMModel(EngineModel):
    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load the folder."""
        with steps.step("import"):
            from inference_bench.model.engines.vllm.session import VLLMSession
        with steps.step("open"):
            return VLLMSession(path, setup, self.max_input_length)
