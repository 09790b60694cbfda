"""A question that the model answers in its own words, judged by exact match."""

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
"""Anything but letters, digits and white space, unless it stands between two digits: 3.5 and 10:30 keep theirs."""


@dataclass(frozen=True, slots=True)
class Question(Item):
    """Greedy text after the prompt.

    Attributes:
        id: see ``Item``.
        prompt: what the model goes on from.
        answers: each of them is right.
        stop: texts that end the answer and do not belong to it.
        new_tokens: where the answer is cut off.
        pattern: regular expression; the answer is its last match, or that match's first group, and wrong without one.
    """

    id: str
    prompt: str
    answers: tuple[str, ...]
    stop: tuple[str, ...] = ("\n",)
    new_tokens: int = 32
    pattern: str = ""

    def score(self, scorer: TextScorer) -> list[Score]:
        """Compare the answer with the expected ones, all normalised."""
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
    """Return what two answers that mean the same have in common.

    NFKC and case folded; commas between thousands gone; other punctuation gone unless it stands between two digits or
    is the minus of a number; English articles gone unless nothing else is there; white space as single spaces.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    words = _PUNCTUATION.sub(_blank, _THOUSANDS.sub("", text)).split()
    return " ".join([word for word in words if word not in _ARTICLES] or words)


def _blank(match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    return "-" if match.group() in "-−" and after.isdigit() else " "
