"""The steps of a case, so that they can be carried out again and be looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class StepSequence:
    """Steps that are carried out in their order, again and again.

    Attributes:
        steps: name → what carries it out, returning when all of its work is done.
        reset: carried out after the last step, outside of all of them.
    """

    steps: Mapping[str, Callable[[], object]]
    reset: Callable[[], object] = _nothing
