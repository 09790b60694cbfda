from __future__ import annotations

from inference_bench.orchestration.stretches import Stretches


def test_a_span_is_open_until_it_ends():
    stretches = Stretches()
    stretches.begin()
    stretches.begin()
    ((begin_ns, before_ns),) = stretches.until_now()
    stretches.end()
    stretches.end()
    ((same_ns, after_ns),) = stretches.until_now()

    assert begin_ns == same_ns
    assert begin_ns <= before_ns <= after_ns
    assert stretches.total_ns() == after_ns - begin_ns
    assert stretches.until_now() == [(begin_ns, after_ns)]


def test_what_spans_share_with_another_one():
    stretches = Stretches()
    stretches._spans = [(10, 20), (30, 40)]

    assert stretches.total_ns() == 20
    assert [stretches.within_ns(*span) for span in ((0, 50), (15, 35), (20, 30), (12, 18), (50, 60))] == [
        20,
        10,
        0,
        6,
        0,
    ]
