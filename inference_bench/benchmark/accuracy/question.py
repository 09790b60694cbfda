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
_OTHER = re.compile(r"[^\w\s]")
"""Anything but letters, digits and white space: punctuation and symbols, but marks and invisible characters, too."""

_VARIANTS = re.compile("[\u034f\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that choose the drawing of a character and are no part of the word."""


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
    minus of a number; English articles removed; white space as single spaces. What would leave nothing is not removed.

    The marks of a letter (accents, vowel signs, tones) are part of the word in every script. Characters that are not
    seen (joiners, soft hyphens, marks of direction, variation selectors) are removed.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = _THOUSANDS.sub("", _VARIANTS.sub("", text))
    words = _OTHER.sub(_replacement, text).split() or text.split()
    return " ".join([word for word in words if word not in _ARTICLES] or words)


def _replacement(match: re.Match[str]) -> str:
    """Return what a character that is no letter or digit becomes."""
    character, text, end = match.group(), match.string, match.end()
    if unicodedata.category(character).startswith("M"):
        return character
    before, after = text[match.start() - 1 : match.start()], text[end : end + 1]
    if _is_digit(before) and _is_digit(after):
        return character
    return "-" if character in "-−" and after.isdigit() else " "


def _is_digit(text: str) -> bool:
    return unicodedata.category(text) == "Nd" if text else False
