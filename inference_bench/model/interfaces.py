"""What a loaded model offers to benchmarks: generators, servers, encoders and scorers of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Prompt: TypeAlias = Any
"""A prompt as its engine wants it: only what made it looks inside."""


class TextGenerator(ABC):
    """Greedy generation, one step at a time.

    Each step returns when the token has arrived on the host, so that a clock read around it sees all of its work.
    """

    @abstractmethod
    def prompt(self, length: int) -> Prompt:
        """Return real text as exactly ``length`` token ids, placed where ``prefill`` wants them."""

    def reset(self) -> None:
        """Forget the last sequence, outside of any timing: what ``prefill`` would otherwise have to free first."""
        return

    @abstractmethod
    def prefill(self, prompt: Prompt) -> int:
        """Start a new sequence: run the prompt and return the first new token."""

    @abstractmethod
    def decode(self) -> int:
        """Return the next token, given all before it."""

    @abstractmethod
    def generate(self, prompt: Prompt, new_tokens: int) -> Sequence[int]:
        """Generate as the framework's own ``generate`` does, ignoring end-of-sequence: the reference for the steps."""


class BatchGenerator(ABC):
    """Greedy generation of several sequences that start together, one step of all of them at a time.

    Each step returns when the tokens have arrived on the host.
    """

    @abstractmethod
    def prompts(self, lengths: Sequence[int]) -> Prompt:
        """Return one prompt of each length, padded on the left and placed where ``prefill`` wants them."""

    def reset(self) -> None:
        """Forget the last batch, outside of any timing: what ``prefill`` would otherwise have to free first."""
        return

    @abstractmethod
    def prefill(self, batch: Prompt) -> list[int]:
        """Start a new batch: run the prompts and return the first new token of each."""

    @abstractmethod
    def decode(self) -> list[int]:
        """Return the next token of each sequence, given all before it."""


class TextServer(ABC):
    """Generates for several requests at a time, each a stream of tokens, inside one event loop."""

    @abstractmethod
    def prompt(self, length: int) -> Prompt:
        """Return real text as exactly ``length`` tokens, as ``stream`` wants it."""

    @abstractmethod
    def stream(self, prompt: Prompt, new_tokens: int) -> AsyncIterator[int]:
        """Yield the tokens of one request as they arrive; other requests go on meanwhile."""

    async def close(self) -> None:
        """End whatever serves, once no request is under way."""
        return


class TextEncoder(ABC):
    """Text in, one vector out: an embedding model, in one forward pass."""

    @abstractmethod
    def prompt(self, length: int, batch_size: int = 1) -> Prompt:
        """Return real text as ``batch_size`` rows of exactly ``length`` token ids, placed for ``encode``."""

    @abstractmethod
    def encode(self, prompt: Prompt) -> object:
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
