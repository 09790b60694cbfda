"""The order in which variants take turns, so that neither a drift nor the variant before favours one of them."""

from __future__ import annotations

from functools import cache


def turn_order(variants: int, round_number: int) -> tuple[int, ...]:
    """Return the places of all variants in the order of one round.

    Two variants give A B, B A, A B …. In general the rows of a Williams square follow each other, each with its reverse
    next (E. J. Williams, Australian Journal of Scientific Research A 2, 1949, p. 149). After each row and its reverse
    all variants have the same mean position, so a linear drift cancels; after the whole square each variant has come
    right after each other one equally often within the rounds.

    Args:
        variants: two or more.
        round_number: from 0.

    >>> [turn_order(2, number) for number in range(4)]
    [(0, 1), (1, 0), (0, 1), (1, 0)]
    >>> [turn_order(3, number) for number in range(4)]
    [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)]
    """
    rows = _square(variants)
    row = rows[round_number // 2 % len(rows)]
    return row[::-1] if round_number % 2 else row


@cache
def _square(n: int) -> tuple[tuple[int, ...], ...]:
    """Return the rows of a Williams square of which none is the reverse of another.

    The first row steps by +1, -2, +3 … modulo n, so that all differences between neighbours occur; the others are the
    first plus a constant. For an even n half of them are the reverses of the other half.
    """
    first = [0]
    for step in range(1, n):
        first.append((first[-1] + (step if step % 2 else -step)) % n)
    return tuple(tuple((place + shift) % n for place in first) for shift in range(n // 2 if n % 2 == 0 else n))
