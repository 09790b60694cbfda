"""Units of which prompts are made, each of them one token to the server: token ids, words, or characters."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from inference_bench.endpoint.counters import Counter
from inference_bench.endpoint.prompt import Prompt
from inference_bench.errors import InvalidValueError

_CHARACTERS = tuple("eatoinshrdlucmfwygpbvkqxjz0123456789")
_FEWEST = 2
"""Units without which no two prompts differ."""
_FREE_TESTS = 60
_DEAR_TESTS = 10
"""Group tests of one kind: more than enough where most words are one token, as in the vocabularies of real models."""
_DEAR_WORDS = 160
"""Words that are tested where each count is a request: the shortest ones, so that the requests are short."""
_COUNTED_ALONE = 10
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Units that prompts are made of.

    Attributes:
        units: texts or token ids, each once; the first ``starts`` may begin a prompt.
        prose: a text as indices of units, in reading order.
        starts: number of units that may begin a prompt.
        joiner: stands between two texts.
    """

    units: tuple[str, ...] | tuple[int, ...]
    prose: tuple[int, ...]
    starts: int
    joiner: str = ""

    @property
    def is_ids(self) -> bool:
        """Whether the units are token ids."""
        return isinstance(self.units[0], int)

    def spelled(self, indices: Iterable[int]) -> str | list[int]:
        """Return the prompt of these units."""
        chosen = [self.units[index] for index in indices]
        if self.is_ids:
            return [int(unit) for unit in chosen]
        return self.joiner.join(str(unit) for unit in chosen)


CHARACTERS = Vocabulary(_CHARACTERS, tuple(range(len(_CHARACTERS))), len(_CHARACTERS))
"""Letters and digits, whatever tokens they are."""


def of_ids(prose: Sequence[int], further: Iterable[int] = ()) -> Vocabulary:
    """Return token ids as a vocabulary.

    Args:
        prose: ids of a text.
        further: other ids that prompts may hold, such as all of the tokenizer's but the special ones: the more there
            are, the more prompts differ in their first token.

    Raises:
        InvalidValueError: fewer than two different ids.
    """
    units = tuple(dict.fromkeys([*further, *prose]))
    if len(units) < _FEWEST:
        raise InvalidValueError("token ids", f"{len(units)} different", f"at least {_FEWEST}")
    index = {unit: at for at, unit in enumerate(units)}
    return Vocabulary(units, tuple(index[unit] for unit in prose) or tuple(range(len(units))), len(units))


def of_words(text: str, counter: Counter) -> Vocabulary:
    """Return the words of a text that are one token each to the server, or characters where too few words are.

    Groups of words are counted together: a group of n words that adds n tokens holds nothing but words of one token.

    Raises:
        InvalidValueError: a text without words of Latin letters, or neither words nor characters are one token each.
    """
    words = re.findall(r"[A-Za-z]+", text)
    if not words:
        raise InvalidValueError("text of prompts", text[:_SHOWN], "words of Latin letters")
    steady = _Steady(counter, words[0])
    candidates = sorted(dict.fromkeys(words), key=len)
    good = steady.of(candidates if counter.free else candidates[:_DEAR_WORDS], " ")
    if len(good) >= _FEWEST:
        return _ordered(steady.starts(good), good, words, " ")
    characters = steady.of(_CHARACTERS, "")
    if len(characters) >= _FEWEST:
        return _ordered(characters, characters, [c for c in text.lower() if c in _CHARACTERS], "")
    expected = "words or letters that add one token each"
    raise InvalidValueError("server's count of tokens", "no word of one token", expected, "Send token ids.")


def _ordered(starts: Sequence[str], good: Iterable[str], prose: Iterable[str], joiner: str) -> Vocabulary:
    units = tuple(dict.fromkeys([*starts, *good]))
    index = {unit: at for at, unit in enumerate(units)}
    return Vocabulary(units, tuple(index[word] for word in prose if word in index), len(starts), joiner)


class _Steady:
    """Finds the texts that add one token each after a joiner, by counting groups of them."""

    def __init__(self, counter: Counter, beginning: str) -> None:
        self._counter = counter
        self._beginning = beginning
        self._base = counter.count(beginning)

    def of(self, candidates: Sequence[str], joiner: str, joiner_tokens: int = 0) -> list[str]:
        """Return those that are steady, in the order given; those that the tests did not reach are left out."""

        def excess(group: Sequence[str]) -> int:
            return self._added(group, joiner) - (1 + joiner_tokens) * len(group)

        found = set(_group_tested(candidates, excess, _FREE_TESTS if self._counter.free else _DEAR_TESTS))
        return [each for each in candidates if each in found]

    def starts(self, words: Sequence[str]) -> list[str]:
        """Return the words that may begin a prompt: one token also where no space stands before them.

        They are tested after a line break; if no two pass, a few are counted alone.
        """
        # A letter is one token everywhere, so what a second one adds beyond it is the line break's.
        line_break = self._added(["a", "a"], "\n") - self._added(["a"], "\n") - 1
        starts = self.of(words, "\n", line_break)
        if len(starts) >= _FEWEST:
            return starts
        alone = {word: self._counter.count(word) for word in words[:_COUNTED_ALONE]}
        starts = [word for word, tokens in alone.items() if tokens == min(alone.values())]
        return starts if len(starts) >= _FEWEST else list(words)

    def _added(self, group: Sequence[str], joiner: str) -> int:
        text: Prompt = joiner.join([self._beginning, *group])
        return self._counter.count(text) - self._base


def _group_tested(candidates: Sequence[str], excess: Callable[[Sequence[str]], int], tests: int) -> list[str]:
    """Return the candidates of groups without excess, halving groups with the least excess per member first.

    The second half's excess is the whole's less the first half's, so each test splits a group.
    """
    good: list[str] = []
    heap: list[tuple[float, int, Sequence[str], int]] = []

    def sort_in(group: Sequence[str], surplus: int) -> None:
        if surplus == 0:
            good.extend(group)
        elif len(group) > 1:
            heapq.heappush(heap, (surplus / len(group), -len(group), group, surplus))

    if candidates:
        sort_in(candidates, excess(candidates))
    for _ in range(tests):
        if not heap:
            break
        *_, group, surplus = heapq.heappop(heap)
        half = (len(group) + 1) // 2
        first = excess(group[:half])
        sort_in(group[:half], first)
        sort_in(group[half:], surplus - first)
    return good
