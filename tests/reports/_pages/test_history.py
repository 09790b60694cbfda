from __future__ import annotations

from inference_bench.provenance.record import CodeState
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


def test_a_change_stands_between_two_commits():
    states = [None, CodeState("1a2b3c4" + "0" * 33, changed_files=2), CodeState("5d6e7f8" + "0" * 33, changed_files=0)]
    points = tuple(
        Point(str(number), "2026-11-23T20:15:30+00:00", Estimate(2e7, None, None), state, "nightly" * (number == 2))
        for number, state in enumerate(states)
    )
    content = history_page([Track(case(), "ttft", "", points, {1: 0.1, 2: -0.051})])
    ((table,),) = (block.tables for block in content.blocks)
    (rows,) = table.sections
    place = [column.heading for column in table.columns].index("commit")

    assert [row[place].text for row in rows] == ["–", "1a2b3c4+", "5d6e7f8"]
    assert [row[0].text for row in rows] == ["0", "1", "2 (nightly)"]
    assert rows[1][-1].text == "+10.0% from here on: WORSE"
    assert rows[2][-1].text == "-5.1% from here on: better (between 1a2b3c4+ and 5d6e7f8)"
    assert "+ behind a commit" in content.legend


def test_runs_without_a_commit_have_no_column_of_it():
    point = Point("a", "2026-11-23T20:15:30+00:00", Estimate(2e7, None, None))
    ((table,),) = (block.tables for block in history_page([Track(case(), "ttft", "", (point,), {})]).blocks)

    assert "commit" not in [column.heading for column in table.columns]
