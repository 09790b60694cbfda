"""Attributes that live reads from objects of torch and transformers, which it does not import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

Method = Callable[..., Any]
"""A method whose arguments are handed on unchanged."""


class Module(Protocol):
    """``torch.nn.Module``."""

    def named_modules(self) -> Iterable[tuple[str, Module]]:
        """Yield all modules inside, this one included, with their paths."""


class BatchOutput(Protocol):
    """``transformers.generation.continuous_batching.GenerationOutput``: one request of a continuous batch.

    Times are seconds of ``time.perf_counter``.
    """

    @property
    def prompt_ids(self) -> Sequence[int]:
        """Token ids of the prompt."""

    @property
    def generated_tokens(self) -> Sequence[int]:
        """Token ids of the output."""

    @property
    def created_time(self) -> float:
        """When the request was made."""

    timestamps: Sequence[float] | None
    """Arrival of each token; None unless asked for."""
