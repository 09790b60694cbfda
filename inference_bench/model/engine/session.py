"""Loaded weights of a language model in an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.errors import NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from inference_bench.demands import Demands
    from inference_bench.model.interfaces import TextServer
    from inference_bench.model.prompts import Prompts


class EngineSession(ABC):
    """Loaded weights, with one sequence at a time.

    An engine implements ``prefill`` and ``decode`` if it can be driven token by token, else ``own_loop``; and
    ``logit_rows`` if it gives logits.

    Attributes:
        limit: most positions.
        vocabulary: number of tokens.
        has_own_loop: whether only ``own_loop`` generates.
        gives_logits: whether ``logit_rows`` is there.
    """

    limit: int
    vocabulary: int
    has_own_loop = False
    gives_logits = True

    def reset(self) -> None:
        """Forget the sequence, outside of any timing."""
        return

    def prefill(self, ids: Sequence[int]) -> int:
        """Start a new sequence: run the prompt and return the likeliest next token, on the host."""
        (token,) = self.own_loop(ids, 1, lambda: None)
        return token

    def decode(self) -> int:
        """Run the last token and return the likeliest next one, on the host.

        Raises:
            NotApplicableError: only ``own_loop`` generates.
        """
        raise NotApplicableError("this engine generates in a loop of its own, which cannot be stopped between tokens")

    def own_loop(self, ids: Sequence[int], new_tokens: int, on_token: Callable[[], object]) -> list[int]:
        """Generate greedily in the engine's own loop, which calls ``on_token`` for each token as it comes.

        Raises:
            NotApplicableError: it is driven token by token.
        """
        raise NotApplicableError("this engine has no loop of its own: it is driven token by token")

    def logit_rows(self, ids: Sequence[int], begin: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each token from position ``begin`` on, in pieces of shape (rows, vocabulary).

        Raises:
            NotApplicableError: it gives no logits.
        """
        raise NotApplicableError("this engine gives no logits")

    def tokens(self, ids: Sequence[int], new_tokens: int) -> Iterator[int]:
        """Yield the next tokens of greedy generation, ignoring end-of-sequence."""
        if self.has_own_loop:
            yield from self.own_loop(ids, new_tokens, lambda: None)
            return
        yield self.prefill(ids)
        for _ in range(new_tokens - 1):
            yield self.decode()

    def own_times(self) -> tuple[int, list[int]] | None:
        """Return the last generation by the engine's own clock, or None if it has none.

        Returns:
            Nanoseconds of the prompt, and of each further token; where the engine only sums these, their mean.
        """
        return None

    def server(self, max_batch_size: int, prompts: Prompts) -> TextServer:
        """Return a server of concurrent requests, which the engine schedules itself.

        Args:
            max_batch_size: most requests that it computes together.
            prompts: what it accepts.

        Raises:
            NotApplicableError: the engine has no scheduler.
            EngineError: its scheduler does not open these weights.
        """
        raise NotApplicableError("this engine has no scheduler of its own")

    def demands(self, config: Mapping[str, Any]) -> Demands | None:
        """Return what the network asks of a machine; None if it is unknown.

        Args:
            config: the ``config.json`` of the weights; empty if they have none.

        Raises:
            NotApplicableError: it cannot be told; says why.
        """
        return None

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """Return the engine's version, its build, and the settings that affect speed."""

    def close(self) -> None:
        """Free everything."""
        return
