"""The token ids of texts that are scored, as lm-evaluation-harness makes them, for any tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

from inference_bench.errors import NotApplicableError
from inference_bench.model.special_tokens import Encode, SpecialTokens, special_tokens


class TextTokens:
    """Encodes texts so that results can be compared with those of lm-evaluation-harness, item by item.

    Args:
        encode: returns the ids of a text, with or without special tokens.
        firsts: candidates for the token that precedes a text without context, the best first; None if unknown.
    """

    def __init__(self, encode: Encode, firsts: Sequence[int | None]) -> None:
        self._encode = encode
        self._firsts = firsts

    @cached_property
    def special(self) -> SpecialTokens:
        """The special tokens around a text."""
        return special_tokens(self._encode)

    @property
    def first(self) -> int:
        """The token that precedes a text without context.

        Raises:
            NotApplicableError: the tokenizer has none.
        """
        for token in self._firsts:
            if token is not None:
                return int(token)
        raise NotApplicableError("the tokenizer has no token that begins or ends a text")

    def plain(self, text: str) -> list[int]:
        """Return the ids of a text without special tokens."""
        return list(self._encode(text, False))

    def begun(self, text: str) -> list[int]:
        """Return the ids of a text that goes on: begun once, and without an end token that the tokenizer appends."""
        return self.special.begin(self.plain(text))

    def split(self, context: str, continuations: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the tokens of the context and of each continuation.

        White space between the two belongs to the continuation, as tokenizers expect. The two are tokenised as one text
        and then split.
        """
        if not context:
            return [self.first], [self.plain(text) for text in continuations]
        shorter = context.rstrip()
        space = context[len(shorter) :]
        head = self.begun(shorter)
        tails = [self.begun(shorter + space + text)[len(head) :] for text in continuations]
        return head or [self.first], tails


def text_until(
    tokens: Iterable[int], ends: Collection[int], stop: Sequence[str], decode: Callable[[list[int]], str]
) -> str:
    """Return the text of tokens up to the first stop text or end token; takes no token after that.

    Args:
        tokens: as they are generated.
        ends: tokens that end a text.
        stop: texts that end it, each left out of it; empty ones count as none.
        decode: returns the text of tokens.
    """
    taken: list[int] = []
    text = ""
    for token in tokens:
        if token in ends:
            break
        taken.append(token)
        text = decode(taken)
        found = [place for place in map(text.find, filter(None, stop)) if place >= 0]
        if found:
            return text[: min(found)]
    return text
