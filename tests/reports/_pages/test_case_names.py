from __future__ import annotations

from inference_bench.reports._pages.case_names import Places
from inference_bench.result import BenchmarkResult, Status
from tests.report_parts import case, speed


def test_a_curve_is_named_by_its_model_and_what_tells_it_from_the_models_others():
    short, long, other = speed(32), speed(512), BenchmarkResult(case(64, model="other"), Status.OK)
    places = Places([short, long, other])

    assert places.curve(long.case) == "tiny 512 tokens"
    assert places.curve(long.case, "input_length") == "tiny"
    assert places.curve(other.case) == "other"
    assert (places.point(long.case), places.point(other.case)) == ("512 tokens", "other")
