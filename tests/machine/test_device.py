from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.machine.device import check_device, load_device


def test_the_cpu_is_one_device():
    (found,) = load_device("cpu").find()

    assert found.name == "cpu"
    check_device("cpu")
    with pytest.raises(InvalidValueError, match="--threads"):
        check_device("cpu:0")


@pytest.mark.parametrize("device", ["cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:²"])
def test_a_device_number_is_a_number(device):
    with pytest.raises(InvalidValueError, match="number from 0 on"):
        check_device(device)


def test_an_unknown_device_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'cuda'"):
        check_device("cuba")
