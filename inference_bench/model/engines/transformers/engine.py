"""transformers as an engine among others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import NotApplicableError
from inference_bench.extras import EXTRAS
from inference_bench.model.engine.engine import Boundary, Engine
from inference_bench.spec import DTYPES

if TYPE_CHECKING:
    from inference_bench.model.model import Model


class Transformers(Engine):
    """torch by transformers: the reference that other engines are compared with."""

    title = "transformers"
    reads = "a folder with config.json and safetensors; a GGUF file, dequantised"
    requires = ("torch", "transformers")
    install = EXTRAS["models"]
    devices = ("cpu", "cuda")
    dtypes = DTYPES
    boundary = Boundary(
        step="one forward pass per call from here, with a dynamic key-value cache",
        sampling="argmax over the vocabulary by torch",
        copied="the token",
    )
    abilities = ("generate", "score", "batches", "serve")
    serving = "dynamic batching of this project: those that wait join the next batch, which runs to its end"

    @classmethod
    def model_class(cls, model: type[Model]) -> type[Model]:
        """Return the model's own class, if that is one of transformers.

        Raises:
            NotApplicableError: its own class loads it in another way.
        """
        if model.engine != cls.name:
            raise NotApplicableError(f"{model.name} has a class of its own, which is not one of transformers")
        return model
