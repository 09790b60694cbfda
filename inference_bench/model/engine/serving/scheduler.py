"""The interface of an engine's own scheduler, and what its process is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


class Scheduler(ABC):
    """An engine that takes requests while others are under way, and computes for all of them step by step.

    Greedy generation of a given number of tokens; the end of sequence ends nothing. It runs in a process of its own:
    some engines hold Python's lock during a step, and no request could be sent on time beside them.
    """

    @abstractmethod
    def add(self, request: int, ids: Sequence[int], new_tokens: int) -> None:
        """Take a request, which is computed from the next step on, or waits for its turn.

        Args:
            request: its number, never used again.
            ids: the prompt.
            new_tokens: exactly so many are generated.
        """

    @abstractmethod
    def cancel(self, request: int) -> None:
        """Forget a request that has not ended."""

    @abstractmethod
    def step(self) -> Iterable[tuple[int, Sequence[int]]]:
        """Compute one step, and return the new tokens of each request that got some.

        Raises:
            EngineError: a request that can never be computed.
        """


Recipe: TypeAlias = Callable[[], Scheduler]
"""Opens a scheduler in its process; can be pickled."""


@dataclass(frozen=True, slots=True)
class Add:
    """Take a request, as ``Scheduler.add``."""

    request: int
    ids: Sequence[int]
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget a request."""

    request: int


Order: TypeAlias = Add | Cancel

READY = "ready"
"""What the process answers once the scheduler is open."""
