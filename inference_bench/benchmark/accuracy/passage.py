"""A text scored by its likelihood: bits per byte and perplexity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.benchmark.accuracy.item import Item, Score, check_finite

if TYPE_CHECKING:
    from inference_bench.model.interfaces import TextScorer


@dataclass(frozen=True, slots=True)
class Passage(Item):
    """A text, alone or after a context that is not scored.

    Attributes:
        id: see ``Item``.
        text: the text to predict, including leading white space.
        context: text before it.
    """

    id: str
    text: str
    context: str = ""

    def score(self, scorer: TextScorer) -> list[Score]:
        """Weight by bytes and by tokens, so that the mean over passages equals that over all their text."""
        if self.context:
            (likelihood,) = scorer.log_likelihoods(self.context, [self.text])
        else:
            likelihood = scorer.text_likelihood(self.text)
        check_finite(self.id, [likelihood])
        size, tokens = len(self.text.encode()), likelihood.tokens
        nats = -likelihood.log_likelihood
        detail = {"log_likelihood": likelihood.log_likelihood, "tokens": tokens, "bytes": size}
        return [
            Score("bits_per_byte", nats / math.log(2) / size, weight=size, detail=detail),
            Score("perplexity", math.exp(nats / tokens), weight=tokens, detail=detail),
        ]
