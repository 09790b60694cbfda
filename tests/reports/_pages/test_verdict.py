from __future__ import annotations

from inference_bench.reports._pages.verdict import verdict
from inference_bench.result import BenchmarkResult, Status
from tests.report_parts import case, speed, summary


def of(dtype, decode, reach=0.01):
    rate = summary("decode_rate", "decode", decode, reach=reach)
    return BenchmarkResult(case(dtype=dtype), Status.OK, (rate,), headline=("decode_rate",))


def test_one_set_up_shows_its_main_figures_with_interval():
    tiles = verdict([speed(32, headline=("ttft", "itl"))]).tiles

    assert [(tile.label, tile.figure.text) for tile in tiles] == [("TTFT, 32 tokens", "21.3 ms")]
    assert tiles[0].details[0].text == "[21.2, 21.4]"


def test_the_best_set_up_is_named_where_its_interval_excludes_the_others():
    found = verdict([of("float32", 30.0), of("bfloat16", 60.0)])

    assert [line.text for line in found.lines] == ["Best: bfloat16 in decode, 32 tokens."]
    assert found.tiles[0].details[0].text == "best: bfloat16"


def test_overlapping_intervals_leave_it_open():
    found = verdict([of("float32", 30.0, reach=0.2), of("bfloat16", 31.0, reach=0.2)])

    assert [line.text for line in found.lines] == ["Open, because intervals overlap or are missing: decode, 32 tokens."]
    assert "open against float32" in found.tiles[0].details[0].text


def test_nothing_measured_says_nothing():
    assert verdict([BenchmarkResult(case(), Status.CRASHED)]) is None
