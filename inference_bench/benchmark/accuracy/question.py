"""A question that the model answers in free text, scored by exact match."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.benchmark.accuracy.item import Item, Score

if TYPE_CHECKING:
    from inference_bench.model.interfaces import TextScorer

_ARTICLES = {"a", "an", "the"}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(\D|$))")
_PUNCTUATION = re.compile(r"(?<!\d)[^\w\s]|[^\w\s](?!\d)")
"""Anything but letters, digits and white space, unless between two digits as in 3.5 and 10:30."""


@dataclass(frozen=True, slots=True)
class Question(Item):
    """A question answered by greedy decoding.

    Attributes:
        id: see ``Item``.
        prompt: the prompt.
        answers: all correct answers.
        stop: texts that end the answer and are not part of it.
        new_tokens: most tokens of the answer.
        pattern: regular expression; the answer is its last match or that match's first group, wrong without a match.
    """

    id: str
    prompt: str
    answers: tuple[str, ...]
    stop: tuple[str, ...] = ("\n",)
    new_tokens: int = 32
    pattern: str = ""

    def score(self, scorer: TextScorer) -> list[Score]:
        """Compare the normalised answer with the normalised correct ones."""
        text = scorer.complete(self.prompt, self.stop, self.new_tokens)
        answer = self._extract(text)
        right = answer is not None and normalise(answer) in map(normalise, self.answers)
        detail = {"prompt": self.prompt, "text": text, "answer": answer, "expected": self.answers}
        return [Score("exact_match", float(right), detail=detail)]

    def _extract(self, text: str) -> str | None:
        if not self.pattern:
            return text
        found = list(re.finditer(self.pattern, text))
        if not found:
            return None
        return found[-1].group(1) if found[-1].re.groups else found[-1].group()


def normalise(text: str) -> str:
    """Return an answer in the form in which answers are compared.

    NFKC and case folding; commas between thousands removed; other punctuation removed unless between two digits or the
    minus of a number; English articles removed unless nothing else is left; white space as single spaces.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    words = _PUNCTUATION.sub(_blank, _THOUSANDS.sub("", text)).split()
    return " ".join([word for word in words if word not in _ARTICLES] or words)


def _blank(match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    return "-" if match.group() in "-−" and after.isdigit() else " "
