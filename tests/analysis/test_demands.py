from __future__ import annotations

from dataclasses import asdict, replace

from inference_bench.analysis.demands import demands_of, demands_unknown
from inference_bench.demands import Demands
from inference_bench.testing import make_result

DEMANDS = Demands(
    weight_bytes=1000,
    kv_bytes_per_position=16,
    multiplied_parameters=200,
    head_parameters=50,
    attention_flops_per_pair=8,
    operations_per_step=7,
)


def test_demands_are_read_back_as_they_were_stored():
    result = replace(make_result({"itl": [[1, 2, 3]]}), model={"demands": asdict(DEMANDS)})

    assert demands_of(result) == DEMANDS
    assert demands_unknown(result) == ""


def test_fields_of_a_later_version_are_left_out():
    result = replace(make_result({"itl": [[1, 2, 3]]}), model={"demands": {**asdict(DEMANDS), "vertices": 3}})

    assert demands_of(result) == DEMANDS


def test_a_result_without_demands_says_why():
    result = make_result({"itl": [[1, 2, 3]]})
    custom = replace(result, model={"demands_unknown": "custom code"})

    assert demands_of(result) is demands_of(custom) is None
    assert demands_unknown(custom) == "custom code"
    assert "version" in demands_unknown(result)
