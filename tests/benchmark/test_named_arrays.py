from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from inference_bench.benchmark.named_arrays import digest, named_arrays


@dataclass
class Boxes:
    corners: np.ndarray
    label: str


Pair = namedtuple("Pair", "left right")


def test_each_number_has_the_name_of_its_place():
    value = {
        "logits": np.ones((1, 2)),
        "states": (np.zeros(3), [4, 2.5]),
        "boxes": Boxes(np.arange(2), "cat"),
        "n": None,
    }

    found = named_arrays(value)

    assert {name: array.shape for name, array in found.items()} == {
        "logits": (1, 2),
        "states.0": (3,),
        "states.1.0": (),
        "states.1.1": (),
        "boxes.corners": (2,),
    }
    assert found["states.1.1"] == 2.5


def test_a_lone_array_is_the_output_and_named_tuples_keep_their_names():
    assert list(named_arrays(np.zeros(2))) == ["output"]
    assert list(named_arrays(Pair(1.0, [2.0]))) == ["left", "right.0"]
    assert named_arrays(None) == named_arrays("text") == named_arrays({"a": object()}) == {}


def test_a_list_that_holds_itself_ends():
    value: list[object] = [1.0]
    value.append(value)

    assert list(named_arrays(value)) == ["0"]


def test_tensors_of_every_kind_come_to_the_host_as_numpy_can_hold_them():
    import torch

    half = torch.tensor([1.5, -2], dtype=torch.bfloat16, requires_grad=True)
    found = named_arrays(
        {
            "half": half,
            "ids": torch.tensor([[1, 2]]),
            "sparse": torch.eye(2).to_sparse(),
            "complex": torch.tensor([1 + 2j]).conj(),
        }
    )

    assert (found["half"].dtype, found["half"].tolist()) == (np.float32, [1.5, -2])
    assert found["ids"].dtype == np.int64
    assert found["sparse"].tolist() == [[1, 0], [0, 1]]
    assert found["complex"].tolist() == [1 - 2j]


def test_outputs_of_transformers_are_entered_by_name():
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    output = BaseModelOutput(last_hidden_state=torch.zeros(1, 2), hidden_states=(torch.ones(1), torch.ones(1)))

    assert list(named_arrays(output)) == ["last_hidden_state", "hidden_states.0", "hidden_states.1"]


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["ids"].__setitem__(0, 9),
        lambda value: value["texts"].append("b"),
        lambda value: value.pop("ids"),
        lambda value: value["tensor"].add_(1),
        lambda value: value.update(ids=value["ids"].astype(np.int32)),
        lambda value: value.update(ids=value["ids"].reshape(3, 1)),
    ],
)
def test_a_digest_sees_every_change(change):
    import torch

    value = {"ids": np.array([1, 2, 3]), "texts": ["a"], "tensor": torch.zeros(2, dtype=torch.bfloat16)}
    before = digest(value)
    assert digest(value) == before

    change(value)

    assert digest(value) != before


def test_nothing_known_has_no_digest():
    assert digest(None) == digest(object()) == ""
