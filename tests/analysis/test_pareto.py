from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_bench.analysis.pareto import front

numbers = st.integers(-5, 5).map(float)


def beats(one, other):
    return one != other and one[0] >= other[0] and one[1] >= other[1]


@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_the_front_is_what_no_other_point_beats(points):
    expected = {place for place, one in enumerate(points) if not any(beats(other, one) for other in points)}
    found = front(points)

    assert set(found) == expected
    assert [points[place][0] for place in found] == sorted(points[place][0] for place in found)
