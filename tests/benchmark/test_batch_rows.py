from __future__ import annotations

from collections import UserDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from inference_bench.benchmark.batch_rows import NoRowsError, row_of

Pair = namedtuple("Pair", "left right")


@dataclass
class Batch:
    pixels: np.ndarray
    scale: float


def plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value


def test_a_row_of_each_kind_of_inputs():
    import torch

    assert plain(row_of(np.arange(6).reshape(3, 2), np.zeros((1, 2)), 1, 3)) == [[2, 3]]
    assert row_of(torch.arange(3), torch.zeros(1), 2, 3).tolist() == [2]
    assert row_of(["a", "b"], ["a"], 1, 2) == ["b"]
    pair = row_of(Pair(np.arange(2), 7), Pair(np.zeros(1), 7), 0, 2)
    assert (type(pair), plain(pair.left), pair.right) == (Pair, [0], 7)
    batch = row_of(Batch(np.arange(2), 0.5), Batch(np.zeros(1), 0.5), 1, 2)
    assert (plain(batch.pixels), batch.scale) == ([1], 0.5)


def test_a_mapping_keeps_its_type_and_stays_as_it_was():
    inputs = UserDict(ids=np.arange(2), steps=3)

    found = row_of(inputs, UserDict(ids=np.zeros(1), steps=3), 1, 2)

    assert (type(found), plain(found["ids"]), found["steps"]) == (UserDict, [1], 3)
    assert plain(inputs["ids"]) == [0, 1]


def test_an_array_that_happens_to_have_as_many_entries_is_no_batch():
    found = row_of({"x": np.zeros((4, 2)), "table": np.arange(4)}, {"x": np.zeros((1, 2)), "table": np.arange(4)}, 0, 4)

    assert (found["x"].shape, found["table"].shape) == ((1, 2), (4,))


@pytest.mark.parametrize(
    ("inputs", "alone"),
    [(np.zeros(4), np.zeros(4)), (3, 3), (None, None), ({"a": 1}, {"b": 1})],
)
def test_what_has_no_rows_is_refused(inputs, alone):
    with pytest.raises(NoRowsError):
        row_of(inputs, alone, 0, 4)
