"""Spans are put into the ones that they lie in."""

from __future__ import annotations

from inference_bench.benchmark.breakdown.nesting import Span, nested


def named(found):
    return [(each.span.step, each.span.module, each.span.operator, each.depth, each.parent) for each in found]


def test_an_operator_has_the_step_and_the_module_that_it_lies_in():
    spans = [
        Span(60, 70, operator="mm"),
        Span(0, 100, step="decode"),
        Span(10, 90, module="net"),
        Span(20, 50, module="net.a"),
        Span(30, 40, operator="mm"),
        Span(91, 95, operator="item"),
    ]

    assert named(nested(spans)) == [
        ("decode", "", "", 0, -1),
        ("decode", "net", "", 1, 0),
        ("decode", "net.a", "", 2, 1),
        ("decode", "net.a", "mm", 3, 2),
        ("decode", "net", "mm", 2, 1),
        ("decode", "", "item", 1, 0),
    ]


def test_a_span_that_sticks_out_of_its_parent_by_the_error_of_a_clock_ends_with_it():
    found = nested([Span(0, 100, step="decode"), Span(10, 50, module="a"), Span(30, 51, operator="mm")])

    assert [(each.parent, each.span.end_ns) for each in found] == [(-1, 100), (0, 50), (1, 50)]


def test_a_span_that_begins_before_the_end_of_another_by_the_error_of_a_clock_is_beside_it():
    found = nested([Span(0, 100, step="decode"), Span(10, 50, module="a"), Span(49, 80, operator="mm")])

    assert named(found)[2] == ("decode", "", "mm", 1, 0)


def test_of_two_spans_that_begin_together_the_longer_is_the_parent():
    found = nested([Span(10, 20, module="a.b"), Span(10, 30, module="a"), Span(0, 100, step="s")])

    assert [each.span.module for each in found] == ["", "a", "a.b"]
    assert [each.parent for each in found] == [-1, 0, 1]
