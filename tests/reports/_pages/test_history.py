from __future__ import annotations

from inference_bench.reports._pages.history import page as history_page
from inference_bench.result import Estimate
from inference_bench.results.history import Point, Track
from tests.report_parts import case


def test_history_names_a_case_in_words_and_a_phase_where_there_are_several():
    point = Point("a", "2026-11-23T20:15:30+00:00", Estimate(21.3e6, None, None))
    metrics = [("ttft", "prefill"), ("rss_peak_hwm", "load"), ("rss_peak_hwm", "decode")]
    content = history_page([Track(case(dtype="bfloat16"), metric, phase, (point,), {}) for metric, phase in metrics])
    (block,) = content.blocks

    assert block.heading.text == "tiny · inference speed · cpu · bfloat16 · threads 2 · input length 32"
    assert [table.title for table in block.tables] == ["TTFT", "peak RSS (kernel), load", "peak RSS (kernel), decode"]
