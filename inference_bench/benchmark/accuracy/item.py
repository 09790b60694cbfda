"""The interface of one item of a task, which scores the model's answer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from inference_bench.model.interfaces import Likelihood, TextScorer


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's score of one item.

    Attributes:
        metric: the metric's tag.
        value: the score, in the metric's unit.
        weight: the item's weight in the mean.
        detail: the evidence for the score.
    """

    metric: str
    value: float
    weight: float = 1.0
    detail: Mapping[str, object] = field(default_factory=dict)


class Item(ABC):
    """One item of a task.

    Attributes:
        id: the item's name within its task, the same for every model and set-up.
    """

    id: str

    @abstractmethod
    def score(self, scorer: TextScorer) -> list[Score]:
        """Ask the model and judge the answer.

        Raises:
            InvalidValueError: the model's numbers are not finite.
        """


def check_finite(item: str, likelihoods: list[Likelihood]) -> None:
    """Refuse log-likelihoods that cannot be compared.

    Raises:
        InvalidValueError: one is NaN or infinite.
    """
    values = [likelihood.log_likelihood for likelihood in likelihoods]
    if not all(map(math.isfinite, values)):
        raise InvalidValueError(
            f"log-likelihood of item {item}",
            values,
            "finite numbers",
            "The model's logits overflow: try another dtype.",
        )
