"""The system under test: a plugin that can load, infer and unload.

A model lives in ``models/<name>/model.py`` as one subclass of ``Model``. The file imports this module and the standard
library only; its framework is imported inside ``load``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import NotApplicableError, UnknownNameError

if TYPE_CHECKING:
    from inference_bench.model.interfaces import BatchGenerator, TextEncoder, TextGenerator, TextScorer, TextServer
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
    from inference_bench.spec import Setup

ABILITIES = ("generate", "score", "encode")
"""What a model can do: write text, give text a likelihood, turn text into a vector."""

_ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8_dynamic": 4}
"""Bytes of a parameter. ``int8_dynamic`` is loaded as float32 and only then quantised, so this is its peak."""


class Model(ABC):
    """A system under test. Class attributes describe it without importing its framework.

    Class attributes:
        name: folder name, set when it is found.
        title: heading for people.
        description: one line for ``list``.
        license: SPDX name of the weights' licence.
        parameters: of the full model.
        published_dtype: dtype of the published weights.
        min_input_length: tokens of the shortest prompt.
        max_input_length: tokens of the longest prompt and what is generated from it.
        devices: kinds of device that it runs on.
        dtypes: those of ``spec.DTYPES`` that it runs in.
        hub, package: where trained weights come from.
        needs_weights: False if there is nothing to load.
        abilities: those of ``ABILITIES`` that it has; a benchmark that needs another one does not apply, which is said
            before anything is loaded.
        parks: whether ``load`` calls ``steps.park()`` before it touches the device, so that it may load ahead while
            the device is being measured.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    license: ClassVar[str] = ""
    parameters: ClassVar[int] = 0
    published_dtype: ClassVar[str] = "float32"
    min_input_length: ClassVar[int] = 1
    max_input_length: ClassVar[int] = 0
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "bfloat16", "float16")
    hub: ClassVar[HubWeights | None] = None
    package: ClassVar[PackageWeights | None] = None
    needs_weights: ClassVar[bool] = True
    abilities: ClassVar[tuple[str, ...]] = ("generate", "score")
    parks: ClassVar[bool] = False

    @abstractmethod
    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load the model, ready for its first call, each part under ``steps.step(name)``."""

    @abstractmethod
    def unload(self) -> None:
        """Release everything that ``load`` acquired."""

    def generator(self) -> TextGenerator:
        """Return the loaded model's generator.

        Raises:
            NotApplicableError: this model does not generate text.
        """
        raise NotApplicableError(f"{self.name} does not generate text")

    def batch_generator(self) -> BatchGenerator:
        """Return the loaded model's generator of several sequences at once.

        Raises:
            NotApplicableError: this model does not generate text in batches.
        """
        raise NotApplicableError(f"{self.name} does not generate text in batches")

    def server(self, max_batch_size: int) -> TextServer:
        """Return the loaded model as a server of concurrent requests, where it has one of its own.

        A model that has none, but generates in batches, is served by ``batcher.Batcher``.

        Args:
            max_batch_size: requests that may be computed together.

        Raises:
            NotApplicableError: it has none of its own.
        """
        raise NotApplicableError(f"{self.name} has no server of its own")

    def encoder(self) -> TextEncoder:
        """Return the loaded model's encoder.

        Raises:
            NotApplicableError: this model does not encode text.
        """
        raise NotApplicableError(f"{self.name} does not encode text")

    @classmethod
    def memory_bytes(cls, dtype: str) -> int:
        """Return the bytes of the full model's parameters while it loads in this dtype, before any activation or cache.

        Raises:
            UnknownNameError: no such dtype.
        """
        if dtype not in _ELEMENT_BYTES:
            raise UnknownNameError("dtype", dtype, _ELEMENT_BYTES)
        return cls.parameters * _ELEMENT_BYTES[dtype]

    @classmethod
    def require(cls, ability: str) -> None:
        """Refuse a benchmark that needs an ability this model does not have.

        Raises:
            NotApplicableError: it has not.
        """
        if ability not in cls.abilities:
            raise NotApplicableError(f"{cls.name} cannot {ability} text; it can {', '.join(cls.abilities)}")

    def scorer(self) -> TextScorer:
        """Return the loaded model's scorer.

        Raises:
            NotApplicableError: this model does not score text.
        """
        raise NotApplicableError(f"{self.name} does not score text")

    def describe(self) -> dict[str, object]:
        """Return what is known only after loading (exact parameter count, bytes of weights, framework settings)."""
        return {}
