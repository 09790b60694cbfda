"""Prompts of exactly n tokens, as the server counts them.

A prompt is spelled from units of one token each (``vocabulary``), and the server adds some of its own: special tokens
and the chat template. Where counting is free, every prompt is counted and mended until its count is right. Where each
count is a request (``usage``), trial prompts of the same lengths are counted, which the load itself does not send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from inference_bench.endpoint.counters import Counter
from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.prompt import Prompt
from inference_bench.endpoint.vocabulary import Vocabulary
from inference_bench.errors import InvalidValueError
from inference_bench.units import counted

_TRIAL_UNITS = 16
_ROUNDS = 4
"""Times that a length is corrected by what its prompt is off: once where every unit adds one token."""
_ENDINGS = 24
"""Other last units that are tried where tokens merge over the borders of units."""
_LAST_UNITS = ((1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (2, 2), (3, 3), (1, 3), (3, 1), (2, 6), (6, 2))
"""How many last units are taken away, and how many put there."""
_IN_A_ROW = 2
"""Trial prompts of a length that must be right one after the other: one alone may be so by chance."""
_MOST_TRIED = 6
"""Lengths of which trial prompts are sent, where each is a request."""

Compose = Callable[[int], list[int]]
"""Returns the given number of a vocabulary's units."""
Wrap = Callable[[str | list[int]], Prompt]
"""Puts a spelled text where it belongs, such as into the last message of a chat."""


@dataclass(frozen=True, slots=True)
class SizedPrompt:
    """A prompt with its length.

    Attributes:
        prompt: what is sent.
        tokens: the length that it is made for; None if it was not counted.
        is_exact: whether it was counted and is of that length; None if it was not counted before the load.
    """

    prompt: Prompt
    tokens: int | None
    is_exact: bool | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """How the lengths of prompts are known.

    Attributes:
        way: ``ids``, ``tokenize``, ``tokenizer``, ``usage``, or ``source`` for prompts that are sent as they are.
        counts: how often the server was asked, to learn its count and to check prompts.
        checked: prompts that were counted; where counts are requests, lengths that were tried by trial prompts.
        exact: of these, how many were right.
    """

    way: str
    counts: int = 0
    checked: int = 0
    exact: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether all that was checked was right, and something was checked."""
        return 0 < self.checked == self.exact

    def __str__(self) -> str:
        known = f"prompt lengths by {self.way}"
        if not self.checked:
            return f"{known}: none was counted before the load; usage in the answers tells them"
        exact = "all" if self.is_exact else f"only {self.exact:,}"
        if self.way in ("usage", "ids"):
            return (
                f"{known}: {counted(self.checked, 'length')} tried, {exact} met by {_IN_A_ROW} trial prompts in a row"
            )
        return f"{known}: {counted(self.checked, 'prompt')} counted, {exact} of the length asked for"


class PromptMaker:
    """Makes prompts of given lengths for one server."""

    def __init__(self, vocabulary: Vocabulary, counter: Counter | None = None) -> None:
        """Learn what the server adds to a prompt, by one count.

        Args:
            vocabulary: what prompts are spelled with.
            counter: counts as the server does. None only for token ids, which a server takes as they are.
        """
        self.vocabulary = vocabulary
        self._counter = counter
        self._counts_each = counter is not None and counter.free and not vocabulary.is_ids
        self._way = "ids" if vocabulary.is_ids else counter.way if counter else "source"
        self._trials = Segments(vocabulary, PrefixCache(nonce=-1))
        self._trial = 0
        self._checked = self._exact = 0
        self._added: dict[int, int] = {0: self._count(_TRIAL_UNITS) - _TRIAL_UNITS if counter else 0}

    @property
    def account(self) -> Account:
        """What is known of the lengths so far."""
        return Account(self._way, self._counter.counted if self._counter else 0, self._checked, self._exact)

    def added(self, tokens: int) -> int:
        """Return what the server adds to a prompt of so many tokens: as of the nearest length that was tried."""
        return self._added[min(self._added, key=lambda tried: abs(tried - tokens))]

    def cached(self, tokens: int, segments: Segments) -> int | None:
        """Return the most tokens of a prompt that the server's cache may hold by rights; None for any number.

        They are the server's own, which all prompts have, and the units that all requests share.
        """
        added = self.added(tokens)
        units = segments.cached(segments.shared(max(0, tokens - added)))
        return None if units is None else added + units

    def possible(self, tokens: int) -> int:
        """Return a length, or that of the shortest prompt if the server adds as many tokens by itself."""
        return max(tokens, self.added(tokens) + 1)

    def try_lengths(self, lengths: Iterable[int]) -> None:
        """Send trial prompts of these lengths, where counts are requests; of many lengths, some are tried.

        A length is corrected by what its trial prompt is off, until two in a row are right.
        """
        if self._counter is None or self._counts_each:
            return
        for tokens in _spread(sorted(set(lengths) - self._added.keys()), _MOST_TRIED):
            self._try(tokens)

    def make(self, tokens: int, compose: Compose, wrap: Wrap = lambda spelled: spelled) -> SizedPrompt:
        """Return a prompt of a number of tokens.

        Args:
            tokens: its length as the server counts.
            compose: returns its units.
            wrap: puts them where they belong.

        Raises:
            InvalidValueError: fewer tokens than the server adds by itself.
        """
        units = self._units(tokens)
        if not self._counts_each:
            return SizedPrompt(wrap(self.vocabulary.spelled(compose(units))), tokens)
        return self._mended(tokens, units, compose, wrap)

    def _units(self, tokens: int) -> int:
        added = self.added(tokens)
        if tokens <= added:
            raise InvalidValueError("input length", tokens, f"at least {added + 1}: the server adds {added} of its own")
        return tokens - added

    def _try(self, tokens: int) -> None:
        in_a_row = 0
        for _ in range(_ROUNDS):
            off = self._count(self._units(tokens)) - tokens
            self._added[tokens] = self.added(tokens) + off
            in_a_row = 0 if off else in_a_row + 1
            if in_a_row == _IN_A_ROW:
                break
        self._checked += 1
        self._exact += in_a_row == _IN_A_ROW

    def _count(self, units: int) -> int:
        """Count a trial prompt that no load sends, and none that was counted before."""
        assert self._counter is not None
        self._trial -= 1
        return self._counter.count(self.vocabulary.spelled(self._trials.segment("trial", self._trial, units)))

    def _mended(self, tokens: int, units: int, compose: Compose, wrap: Wrap) -> SizedPrompt:
        """Correct the number of units by what their prompt is off; then try other last units; else keep the nearest."""
        off, prompt = min(self._tries(tokens, units, compose, wrap), key=lambda each: abs(each[0]))
        self._checked += 1
        self._exact += off == 0
        return SizedPrompt(prompt, tokens, off == 0)

    def _tries(self, tokens: int, units: int, compose: Compose, wrap: Wrap) -> Iterator[tuple[int, Prompt]]:
        """Yield by how many tokens a prompt is too long, and the prompt; the last one is right if any is."""
        nearest = (abs(tokens), units)
        for _ in range(_ROUNDS):
            off, prompt = self._off(tokens, compose(units), wrap)
            yield off, prompt
            if off == 0:
                return
            nearest = min(nearest, (abs(off), units))
            units = max(1, units - off)
        begun = compose(nearest[1])
        for last, ending in product(_LAST_UNITS, range(min(_ENDINGS, len(self.vocabulary.units)))):
            off, prompt = self._off(tokens, [*begun[: -last[0]], *[ending] * last[1]], wrap)
            yield off, prompt
            if off == 0:
                return

    def _off(self, tokens: int, indices: list[int], wrap: Wrap) -> tuple[int, Prompt]:
        """Return by how many tokens a prompt of these units is too long, and the prompt."""
        assert self._counter is not None
        prompt = wrap(self.vocabulary.spelled(indices))
        return self._counter.count(prompt) - tokens, prompt


def _spread(sizes: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` of sorted sizes, from the least to the greatest.

    >>> _spread([1, 2, 3, 4, 5, 6, 7], 3)
    [1, 4, 7]
    """
    if len(sizes) <= most:
        return list(sizes)
    return [sizes[round(step * (len(sizes) - 1) / (most - 1))] for step in range(most)]
