"""A named set of items."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from inference_bench.benchmark.accuracy.item import Item, Score

if TYPE_CHECKING:
    from inference_bench.model.interfaces import TextScorer

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Told how many items are done, of how many; also while a data set is fetched, to show that somebody is alive."""

_SEED = 0
"""Which items a limit leaves is part of the task, not of a run: always the same, so that configurations compare."""


class Task(ABC):
    """What a model is asked.

    Attributes:
        name: as in the tables.
    """

    name: str

    @abstractmethod
    def scores(self, scorer: TextScorer, limit: int, progress: Progress) -> Iterator[tuple[str, Score]]:
        """Yield the scores of at most ``limit`` items, each with its item's name.

        Raises:
            TaskError: the task cannot be read or fetched.
        """


class ItemTask(Task):
    """A task whose items this package scores itself."""

    @abstractmethod
    def items(self, progress: Progress) -> list[Item]:
        """Return all items, at least one.

        Raises:
            TaskError: they cannot be read or fetched.
        """

    def scores(self, scorer: TextScorer, limit: int, progress: Progress) -> Iterator[tuple[str, Score]]:
        """Score a random sample: the sets come sorted by source, so that the first items stand for nothing."""
        items = sample(self.items(progress), limit)
        for done, item in enumerate(items, 1):
            for score in item.score(scorer):
                yield item.id, score
            progress(done, len(items))


def sample(items: Sequence[T], limit: int) -> list[T]:
    """Return at most ``limit`` of the items, drawn at random but always the same, in their order."""
    if limit >= len(items):
        return list(items)
    return [items[index] for index in sorted(random.Random(_SEED).sample(range(len(items)), limit))]
