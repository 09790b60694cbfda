"""The interfaces of a loaded model: generators, servers, encoders and scorers of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.model.offered_load import Floor, Load, ServedLoad

Prompt: TypeAlias = Any
"""A prompt in its engine's own form; opaque to benchmarks."""


class Counted:
    """Something that runs a loaded network whose demands may be known."""

    def demands(self) -> Demands | None:
        """Return what the network asks of a machine; None if it does not tell. Never called while anything is timed.

        Raises:
            NotApplicableError: it cannot be counted; says why.
        """
        return None


class Steps(Counted, ABC):
    """Greedy generation, one step at a time, each of which returns once what it made is on the host."""

    @abstractmethod
    def prefill(self, prompt: Prompt) -> object:
        """Start anew with a prompt."""

    @abstractmethod
    def decode(self) -> object:
        """Make the next token, or one for each sequence."""

    def timed(self, prompt: Prompt, new_tokens: int, tick: Callable[[], object]) -> None:
        """Generate, with a tick before the prompt and after each token, which is then on the host.

        An engine that has a loop of its own ticks from within it.
        """
        decode = self.decode
        tick()
        self.prefill(prompt)
        tick()
        for _ in range(new_tokens - 1):
            decode()
            tick()


class TextGenerator(Steps):
    """Greedy generation, one step at a time.

    Each step returns once the token is on the host, so that a clock reading after it includes all of its work.

    Attributes:
        decodes_alone: whether ``decode`` can be called; not where an engine generates in a loop of its own.
    """

    decodes_alone = True

    @abstractmethod
    def prompt(self, length: int) -> Prompt:
        """Return real text as exactly ``length`` token ids, in the form for ``prefill``."""

    def own_times(self) -> tuple[int, Sequence[int]] | None:
        """Return the nanoseconds of the last generation by the engine's own clock, as ``EngineSession.own_times``."""
        return None

    def prompt_ids(self, prompt: Prompt) -> Sequence[int]:
        """Return the token ids of a prompt, to compare with those of other engines; none if it has more than ids."""
        return ()

    def reset(self) -> None:
        """Free the last sequence outside of any timing, so that ``prefill`` need not."""
        return

    @abstractmethod
    def prefill(self, prompt: Prompt) -> int:
        """Start a new sequence: run the prompt and return the first new token."""

    @abstractmethod
    def decode(self) -> int:
        """Return the next token."""

    @abstractmethod
    def generate(self, prompt: Prompt, new_tokens: int) -> Sequence[int]:
        """Generate with the framework's own ``generate``, ignoring end-of-sequence: the reference for the steps."""


class BatchGenerator(Steps):
    """Greedy generation of several sequences that start together, one step at a time.

    Each step returns once the tokens are on the host.
    """

    @abstractmethod
    def prompts(self, lengths: Sequence[int]) -> Prompt:
        """Return one prompt per length, padded on the left, in the form for ``prefill``."""

    def reset(self) -> None:
        """Free the last batch outside of any timing, so that ``prefill`` need not."""
        return

    @abstractmethod
    def prefill(self, prompt: Prompt) -> list[int]:
        """Start a new batch: run the prompts and return the first new token of each."""

    @abstractmethod
    def decode(self) -> list[int]:
        """Return the next token of each sequence."""


class TextServer(ABC):
    """Serves concurrent requests, each as a stream of tokens, in one event loop.

    Attributes:
        schedules: how it schedules them, in words, which are a note of each result.
    """

    schedules = ""

    @abstractmethod
    def prompt(self, length: int) -> Prompt:
        """Return real text as exactly ``length`` tokens, in the form for ``stream``."""

    @abstractmethod
    def stream(self, prompt: Prompt, new_tokens: int) -> AsyncIterator[int]:
        """Yield the tokens of one request as they arrive; requests run concurrently."""

    async def close(self) -> None:
        """Stop the server; called when no request is in progress."""
        return


class LoadServer(ABC):
    """Carries out whole loads by itself, such as the client of a server that runs elsewhere."""

    @abstractmethod
    def carry_out(self, load: Load, on_answer: Callable[[int], None] = lambda _: None) -> ServedLoad:
        """Send all requests at their planned instants, wait for the answers, and return what became of each.

        A request that fails is a row, not an exception.

        Args:
            load: what is sent, and when.
            on_answer: called again and again with the number of requests that have ended.
        """

    def floor(self, load: Load, served: ServedLoad) -> Floor | None:
        """Carry out the same load on a server that does nothing: what the client itself adds; None if there is none.

        Args:
            load: as it was carried out.
            served: what became of it: the other server gives as many tokens, as far apart.
        """
        return None

    def close(self) -> None:
        """Stop; called when no request is in progress."""
        return


class TextEncoder(Counted, ABC):
    """Turns a text into one vector in one forward pass: an embedding model."""

    @abstractmethod
    def prompt(self, length: int, batch_size: int = 1) -> Prompt:
        """Return real text as ``batch_size`` rows of exactly ``length`` token ids, in the form for ``encode``."""

    @abstractmethod
    def encode(self, prompt: Prompt) -> object:
        """Return the rows' vectors, shape (batch, size), once the device has finished."""

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The likelihood of a text under a model.

    Attributes:
        log_likelihood: natural logarithm of the text's probability, summed over its tokens.
        tokens: number of tokens.
        greedy: whether greedy generation would give the same tokens.
    """

    log_likelihood: float
    tokens: int
    greedy: bool


class TextScorer(ABC):
    """Likelihoods of texts, greedy text, and logits: the basis of accuracy.

    The methods that take text need a tokenizer, thus trained weights; those that take token ids work with any weights.
    """

    @abstractmethod
    def log_likelihoods(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Return the likelihood of each continuation given the context; the two are tokenised as one text."""

    @abstractmethod
    def text_likelihood(self, text: str) -> Likelihood:
        """Return the likelihood of a whole text of any length; each token counts once, given those in its window."""

    @abstractmethod
    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        """Return greedy text after the prompt, up to the first stop text or the end of sequence."""

    @abstractmethod
    def passages(self, count: int, length: int) -> list[list[int]]:
        """Return ``count`` different passages of ``length`` token ids: text, or random ids without a tokenizer."""

    @abstractmethod
    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits after each token, shape (length, vocabulary)."""

    @abstractmethod
    def greedy(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """Return the next ``new_tokens`` token ids by greedy generation, ignoring end-of-sequence."""
