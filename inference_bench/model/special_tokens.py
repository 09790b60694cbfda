"""The special tokens that a tokenizer puts around a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Encode = Callable[[str, bool], Sequence[int]]
"""Returns the token ids of a text, with or without the special tokens around it."""

_PROBE = "a"


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The special tokens around an encoded text.

    Attributes:
        before: ids that begin every text, such as ``<s>`` or ``[CLS]``.
        after: ids that end every text, such as ``</s>`` or ``[SEP]``.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def begin(self, ids: Sequence[int]) -> list[int]:
        """Return the ids of a text that will be continued: with ``before``, once, and without ``after``.

        The text of a chat template has ``before`` already.
        """
        begun = tuple(ids[: len(self.before)]) == self.before
        return [*(() if begun else self.before), *ids]


def special_tokens(encode: Encode) -> SpecialTokens:
    """Return what a tokenizer adds to a text, found by encoding one with and without."""
    plain, whole = (list(encode(_PROBE, special)) for special in (False, True))
    for place in range(len(whole) - len(plain) + 1):
        if plain and whole[place : place + len(plain)] == plain:
            return SpecialTokens(tuple(whole[:place]), tuple(whole[place + len(plain) :]))
    return SpecialTokens()
