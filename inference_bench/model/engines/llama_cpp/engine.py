"""llama.cpp as an engine."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from inference_bench.errors import WeightsError
from inference_bench.extras import EXTRAS
from inference_bench.model.engine.engine import Boundary, Engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.model.engine.requirements import require_kind
from inference_bench.model.engines.llama_cpp.files import FTYPES, KINDS
from inference_bench.model.weights.conversion import Conversion

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.model.engine.session import EngineSession
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.model import Model
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup

_PACKAGE = "llama-cpp-py-sync"


class LlamaCpp(Engine):
    """llama.cpp, driven token by token through its C API."""

    title = "llama.cpp"
    reads = "a GGUF file; a folder of a Llama, Mistral, Qwen2 or Qwen3, converted"
    requires = ("llama_cpp_py_sync", "gguf")
    install = EXTRAS["llama-cpp"]
    dtypes = (*FTYPES, "as_stored")
    boundary = Boundary(
        step="one llama_decode per call from here",
        sampling="argmax over the logits by numpy, in place",
        copied="the token",
    )

    serving = "its C API computes several sequences at once, but leaves it to the caller which ones"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the class of a generating model of one of the architectures that can be written as GGUF.

        Raises:
            NotApplicableError: it does not generate text, or is of another architecture.
        """
        require_kind(cls.title, model, KINDS, reads_gguf=True)
        return class_in_engine(_LlamaModel, cls, model)

    @classmethod
    def conversion(cls, weights: ResolvedWeights, setup: Setup) -> Conversion | None:
        """Return how a folder becomes a GGUF file, and a GGUF file one of another type.

        Raises:
            WeightsError: ``as_stored`` of weights that are no GGUF file.
        """
        if setup.dtype == "as_stored":
            if weights.gguf is None:
                known = ", ".join(FTYPES)
                raise WeightsError(f"{weights.label}: as_stored is a dtype of GGUF files. Take one of {known}.")
            return None
        return Conversion(
            form=f"gguf-{setup.dtype}",
            converter=f"{_PACKAGE} (llama_model_quantize), gguf {version('gguf')}",
            version=version(_PACKAGE),
            module="inference_bench.model.engines.llama_cpp.conversion",
            arguments=(setup.dtype,),
            source=weights.gguf,
            options={"ftype": str(FTYPES[setup.dtype])},
        )


class _LlamaModel(EngineModel):
    @classmethod
    def source(cls, weights: ResolvedWeights) -> Path | None:
        """Return the GGUF file itself."""
        return weights.gguf

    def open(self, path: Path, setup: Setup, steps: LoadSteps) -> EngineSession:
        """Load the GGUF file."""
        with steps.step("import"):
            from inference_bench.model.engines.llama_cpp.session import LlamaSession
        with steps.step("open"):
            return LlamaSession(path, setup, self.max_input_length)
