"""The interface of a model: a plugin that can load, infer and unload.

A model is one subclass of ``Model`` in ``models/<name>/model.py``. The file imports ``inference_bench`` and the
standard library only; its framework is imported inside ``load``.
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
"""What a model can do: generate text, compute likelihoods of text, turn text into a vector."""

ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8_dynamic": 4}
"""Bytes per parameter. ``int8_dynamic`` is loaded as float32 and then quantised, so this is its peak."""


class Model(ABC):
    """A model. Class attributes describe it without importing its framework.

    Class attributes:
        name: folder name, set on discovery.
        title: heading in reports.
        description: one line for ``list``.
        license: SPDX name of the weights' licence.
        parameters: number of parameters of the full model.
        published_dtype: dtype of the published weights.
        min_input_length: tokens of the shortest prompt.
        max_input_length: most tokens of a prompt together with its new tokens.
        devices: kinds of device that it runs on.
        dtypes: the dtypes of ``spec.DTYPES`` that it supports.
        hub, package: sources of trained weights.
        needs_weights: False if there is nothing to load.
        abilities: its abilities, of ``ABILITIES``; a benchmark that needs another one does not apply.
        parks: whether ``load`` calls ``steps.park()`` before it uses the device, so that it can load ahead while
            another model is measured.
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
        """Load the model until it is ready for its first call, each part under ``steps.step(name)``."""

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
        """Return the loaded model's own server of concurrent requests.

        A model without one that generates in batches is served by ``benchmarks._batcher.Batcher``.

        Args:
            max_batch_size: most requests in one batch.

        Raises:
            NotApplicableError: this model has no server of its own.
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
        """Return the peak bytes of the full model's parameters while it loads in this dtype.

        Raises:
            UnknownNameError: no such dtype.
        """
        if dtype not in ELEMENT_BYTES:
            raise UnknownNameError("dtype", dtype, ELEMENT_BYTES)
        return cls.parameters * ELEMENT_BYTES[dtype]

    @classmethod
    def require(cls, ability: str) -> None:
        """Refuse a benchmark that needs an ability that this model does not have.

        Raises:
            NotApplicableError: the model does not have it.
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
        """Return facts known only after loading: exact parameter count, bytes of weights, framework settings."""
        return {}
