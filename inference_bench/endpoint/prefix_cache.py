"""What prompts have in common, and so what a server's prefix cache can answer.

``unique``: each prompt differs from every other from its first token on, within a run and between runs. ``shared=0.3``:
the first 30 % of each prompt's tokens are the run's own, the rest is unique. ``warm``: as ``unique``, but two runs with
the same seed send the same prompts, so the second one finds them in the cache.
"""

from __future__ import annotations

import math
import random
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from itertools import cycle, islice

from inference_bench.endpoint.vocabulary import Vocabulary
from inference_bench.errors import InvalidValueError

_CODE_BITS = 40
"""Bits of the code that begins a segment: among a million segments two are alike in it with a probability of 1/2, and
those two still differ in their first token unless there are more segments than first tokens."""


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """What prompts have in common.

    Attributes:
        mode: ``unique``, ``shared`` or ``warm``.
        fraction: of the tokens that all prompts share, with ``shared``.
    """

    mode: str = "unique"
    fraction: float = 0.0

    @classmethod
    def parse(cls, text: str) -> PrefixCache:
        """Read ``unique``, ``shared=FRACTION`` or ``warm``.

        Raises:
            InvalidValueError: anything else.
        """
        mode, _, given = text.partition("=")
        try:
            fraction = float(given) if mode == "shared" else 0.0
        except ValueError:
            fraction = math.nan
        if mode not in ("unique", "shared", "warm") or (given and mode != "shared") or not 0 <= fraction <= 1:
            raise InvalidValueError("prefix cache", text, "unique, shared=FRACTION (0 to 1) or warm")
        return cls(mode, fraction)

    def __str__(self) -> str:
        return f"shared={self.fraction:g}" if self.mode == "shared" else self.mode

    def nonce(self, seed: int) -> int:
        """Return the number that a run's prompts are drawn from: the seed for ``warm``, otherwise a new one."""
        return seed if self.mode == "warm" else secrets.randbits(63)


class Segments:
    """Stretches of prompts, as indices of a vocabulary's units. The same key gives the same stretch again.

    A segment begins with a unit that belongs to its key alone, as long as there are no more keys of a kind than units
    that may begin a prompt. A code of further units follows, then prose.
    """

    def __init__(self, vocabulary: Vocabulary, nonce: int) -> None:
        self.nonce = nonce
        self._vocabulary = vocabulary
        order = random.Random(f"{nonce}")
        self._firsts = order.sample(range(vocabulary.starts), vocabulary.starts)
        self._code_length = math.ceil(_CODE_BITS / math.log2(len(vocabulary.units)))

    def segment(self, kind: str, key: int, length: int) -> list[int]:
        """Return ``length`` units of a key; a shorter segment is the beginning of a longer one."""
        number = int.from_bytes(blake2b(f"{self.nonce}/{kind}/{key}".encode()).digest())
        units = [self._firsts[key % len(self._firsts)]]
        for _ in range(self._code_length):
            number, digit = divmod(number, len(self._vocabulary.units))
            units.append(digit)
        prose = self._vocabulary.prose
        begin = number % len(prose) if kind == "block" else 0
        rest = max(0, length - len(units))
        return [*units[:length], *islice(cycle(prose), begin, begin + rest)]

    def request(self, cache: PrefixCache, index: int, length: int) -> list[int]:
        """Return the units of a request's prompt: the shared ones, then those of its own."""
        shared = round(cache.fraction * length)
        return [*self.segment("shared", 0, shared), *self.segment("request", index, length - shared)]
