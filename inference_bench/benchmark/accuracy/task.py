"""The interface of a task, a named set of items."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from inference_bench.benchmark.accuracy.item import Item, Score
from inference_bench.errors import UnscorableError

if TYPE_CHECKING:
    from inference_bench.model.interfaces import TextScorer

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with the number of items done and the total; also while a data set is fetched, to show a sign of life."""

_SEED = 0
"""Seed of the sample of items, which is always the same so that configurations can be compared."""


class Task(ABC):
    """A named set of items.

    Attributes:
        name: the name in the tables.
    """

    name: str

    @abstractmethod
    def scores(
        self, scorer: TextScorer, limit: int, progress: Progress
    ) -> Iterator[tuple[str, Score | UnscorableError]]:
        """Yield the name and scores of each of at most ``limit`` items, or why this model cannot score it.

        Raises:
            TaskError: the task cannot be read or fetched.
        """


class ItemTask(Task):
    """A task whose items are scored by this package."""

    @abstractmethod
    def items(self, progress: Progress) -> list[Item]:
        """Return all items, at least one.

        Raises:
            TaskError: they cannot be read or fetched.
        """

    def scores(
        self, scorer: TextScorer, limit: int, progress: Progress
    ) -> Iterator[tuple[str, Score | UnscorableError]]:
        """Score a random sample: the sets are sorted by source, so their first items are not representative."""
        items = sample(self.items(progress), limit)
        for done, item in enumerate(items, 1):
            try:
                yield from ((item.id, score) for score in item.score(scorer))
            except UnscorableError as error:
                yield item.id, error
            progress(done, len(items))


def sample(items: Sequence[T], limit: int) -> list[T]:
    """Return at most ``limit`` items in order, drawn at random with a fixed seed."""
    if limit >= len(items):
        return list(items)
    return [items[index] for index in sorted(random.Random(_SEED).sample(range(len(items)), limit))]
