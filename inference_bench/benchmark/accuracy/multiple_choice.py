"""A multiple-choice question, scored by the likelihood of each choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.benchmark.accuracy.item import Item, Score, check_finite

if TYPE_CHECKING:
    from inference_bench.model.interfaces import Likelihood, TextScorer


@dataclass(frozen=True, slots=True)
class MultipleChoice(Item):
    """The model's answer is the most likely choice; the first of equals.

    Attributes:
        id: see ``Item``.
        contexts: text before the choices: one, or one per choice.
        choices: at least two.
        answer: index of the correct choice.
        separator: text between context and choice; not counted in the choice's length.
    """

    id: str
    contexts: tuple[str, ...]
    choices: tuple[str, ...]
    answer: int
    separator: str = " "

    def score(self, scorer: TextScorer) -> list[Score]:
        """Score by likelihood, and by likelihood per character so that long choices are not penalised."""
        likelihoods = self._likelihoods(scorer)
        check_finite(self.id, likelihoods)
        raw = [likelihood.log_likelihood for likelihood in likelihoods]
        by_length = [value / len(choice) for value, choice in zip(raw, self.choices, strict=True)]
        return [self._verdict("accuracy", raw, raw), self._verdict("accuracy_norm", by_length, raw)]

    def _likelihoods(self, scorer: TextScorer) -> list[Likelihood]:
        texts = [self.separator + choice for choice in self.choices]
        if len(self.contexts) == 1:
            return scorer.log_likelihoods(self.contexts[0], texts)
        pairs = zip(self.contexts, texts, strict=True)
        return [scorer.log_likelihoods(context, [text])[0] for context, text in pairs]

    def _verdict(self, metric: str, values: list[float], raw: list[float]) -> Score:
        choice = values.index(max(values))
        detail = {
            "context": self.contexts[min(choice, len(self.contexts) - 1)],
            "choices": self.choices,
            "choice": choice,
            "expected": self.answer,
            "log_likelihoods": raw,
        }
        return Score(metric, float(choice == self.answer), detail=detail)
