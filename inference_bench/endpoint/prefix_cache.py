"""What prompts have in common, and so what a server's prefix cache can answer.

``unique``: each prompt differs from every other from its first token on, within a run and between runs. ``shared=0.3``:
the first 30 % of each prompt's tokens are the run's own, the rest is unique. ``warm``: as ``unique``, but two runs with
the same seed send the same prompts, so the second one finds them in the cache.
"""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import cycle, islice

from inference_bench.endpoint.vocabulary import Vocabulary
from inference_bench.errors import InvalidValueError
from inference_bench.units import counted

_CODE_BITS = 40
"""Bits of the code that begins a segment: among a million segments two are alike in it with a probability of 1/2, and
those two still differ in their first token unless there are more segments than first tokens."""


def _new_nonce() -> int:
    return secrets.randbits(63)


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """What the prompts of a run have in common, with each other and with those of other runs.

    Attributes:
        mode: ``unique``, ``shared`` or ``warm``.
        fraction: of the tokens that all prompts share, with ``shared``.
        nonce: the number that the prompts are drawn from. The same one gives the same prompts; by default it is new.
    """

    mode: str = "unique"
    fraction: float = 0.0
    nonce: int = field(default_factory=_new_nonce)

    @classmethod
    def parse(cls, text: str, *, seed: int, nonce: int | None = None) -> PrefixCache:
        """Read ``unique``, ``shared=FRACTION`` or ``warm``.

        Args:
            text: the words.
            seed: the nonce of ``warm``.
            nonce: that of an earlier run, to send its prompts again; a new one by default.

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
        if nonce is None:
            nonce = seed if mode == "warm" else _new_nonce()
        return cls(mode, fraction, nonce)

    def __str__(self) -> str:
        return f"shared={self.fraction:g}" if self.mode == "shared" else self.mode


class Segments:
    """Stretches of prompts, as indices of a vocabulary's units. The same key gives the same stretch again.

    A segment begins with a unit that belongs to its key alone, as long as there are no more keys of a kind than units
    that may begin a prompt. A code of further units follows, then prose.
    """

    def __init__(self, vocabulary: Vocabulary, cache: PrefixCache) -> None:
        self._vocabulary = vocabulary
        self._cache = cache
        order = random.Random(f"{cache.nonce}")
        self._firsts = order.sample(range(vocabulary.starts), vocabulary.starts)
        self._code_length = math.ceil(_CODE_BITS / math.log2(len(vocabulary.units)))

    def segment(self, kind: str, key: int, length: int) -> list[int]:
        """Return ``length`` units of a key; a shorter segment is the beginning of a longer one."""
        number = int.from_bytes(blake2b(f"{self._cache.nonce}/{kind}/{key}".encode()).digest())
        units = [self._firsts[key % len(self._firsts)]]
        for _ in range(self._code_length):
            number, digit = divmod(number, len(self._vocabulary.units))
            units.append(digit)
        prose = self._vocabulary.prose
        begin = number % len(prose) if kind == "block" else 0
        rest = max(0, length - len(units))
        return [*units[:length], *islice(cycle(prose), begin, begin + rest)]

    def request(self, index: int, length: int, shared: int | None = None) -> list[int]:
        """Return the units of a request's prompt: the shared ones (by default a fraction of all), then its own."""
        shared = self.shared(length) if shared is None else min(shared, length)
        return [*self.segment("shared", 0, shared), *self.segment("request", index, length - shared)]

    def cached(self, shared: int = 0) -> int | None:
        """Return the most units of a prompt that a server's cache may hold by rights; None for any number.

        Beside those that are shared, the beginning of a code may be that of another run's prompt by chance.
        """
        return None if self._cache.mode == "warm" else shared + self._code_length

    def shared(self, length: int) -> int:
        """Return how many of so many units are shared by all requests."""
        return round(self._cache.fraction * length)

    def blocks(self, ids: Sequence[int], block_length: int, index: int, length: int) -> list[int]:
        """Return ``length`` units: a block for each id, then what is a request's own."""
        whole, rest = divmod(length, block_length)
        units = [unit for block in ids[:whole] for unit in self.segment("block", block, block_length)]
        if len(ids) > whole:
            return units + self.segment("block", ids[whole], rest)
        return units + self.segment("request", index, length - len(units))

    def notes(self, requests: int) -> tuple[str, ...]:
        """Return a sentence if so many requests are more than the units that may begin a prompt."""
        firsts = len(self._firsts)
        if self._cache.mode == "shared" or requests <= firsts:
            return ()
        known = f"{requests:,} prompts begin with {counted(firsts, 'different token')}, all that are known"
        return (f"{known}: those that begin alike differ within the next {self._code_length}",)
