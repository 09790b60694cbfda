"""The Pareto front: what nothing else beats."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points on the Pareto front, from the smallest first coordinate to the largest.

    A point is on the front if no other point is at least as large in both coordinates and larger in one (V. Pareto,
    Manuale di economia politica, 1906). Equal points are on it together.

    >>> front([(1, 3), (2, 2), (1, 2), (3, 1)])
    [0, 1, 3]
    """
    order = sorted(range(len(points)), key=lambda place: (-points[place][0], -points[place][1]))
    found: list[int] = []
    for place in order:
        last = points[found[-1]] if found else None
        if last is None or points[place][1] > last[1] or points[place] == last:
            found.append(place)
    return found[::-1]
