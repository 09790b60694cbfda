"""One question of a task, which knows how to score the answer."""

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
    """What one metric says of one item.

    Attributes:
        metric: tag.
        value: in the metric's unit.
        weight: what the item counts for in the mean.
        detail: what led to the score.
    """

    metric: str
    value: float
    weight: float = 1.0
    detail: Mapping[str, object] = field(default_factory=dict)


class Item(ABC):
    """One question.

    Attributes:
        id: names the item within its task, whatever model and set-up answer it.
    """

    id: str

    @abstractmethod
    def score(self, scorer: TextScorer) -> list[Score]:
        """Ask the model and judge the answer.

        Raises:
            InvalidValueError: the model's numbers are not finite.
        """


def check_finite(item: str, likelihoods: list[Likelihood]) -> None:
    """Refuse log-likelihoods from which any verdict could be drawn: NaN is neither more nor less than a number.

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
