"""Spans around blocks: with statements, ExitStack, and what a name or a value may be."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import itertools
import pickle
import threading
import types

import numpy as np
import pytest

from inference_bench import _native
from inference_bench._native import Mark, begin, counter, end, mark, span
from tests.children import run_python
from tests.span_rows import contains, names, rows, spans


def test_one_span_for_each_name():
    assert span("a") is span("a")
    assert span("".join(["a", "b"])) is span("ab")
    assert span("a") is not span("b")
    assert span("a").name == "a"
    assert repr(span("a")) == "<Span 'a'>"


def test_a_block_is_one_record(recorder):
    before = _native.now_ns()
    with span("block") as entered:
        inside = _native.now_ns()
    after = _native.now_ns()
    assert entered is span("block")
    (row,) = rows(recorder)
    assert before <= row["begin_ns"] <= inside <= row["end_ns"] <= after
    assert row["thread"] == threading.get_native_id()
    assert {key: row[key] for key in ("name", "kind", "id", "value", "raised")} == {
        "name": "block",
        "kind": "span",
        "id": 0,
        "value": 0,
        "raised": 0,
    }


def test_nested_and_recursive_entries_keep_their_own_beginnings(recorder):
    shared = span("recursive")

    def descend(depth: int) -> None:
        with shared:
            if depth:
                descend(depth - 1)

    descend(50)
    found = spans(recorder)
    assert len(found) == 51
    for inner, outer in itertools.pairwise(found):  # written as they end: the innermost first
        assert contains(outer, inner)


def test_an_exception_passes_through_and_is_noted(recorder):
    with pytest.raises(ValueError, match=r"^boom$"), span("bad"):
        raise ValueError("boom")
    with span("good"):
        pass
    assert [(row["name"], row["raised"]) for row in rows(recorder)] == [("bad", 1), ("good", 0)]


def test_return_break_and_continue_end_the_block(recorder):
    def leave() -> int:
        for _ in range(3):
            with span("loop"):
                continue
        while True:
            with span("loop"):
                break
        with span("loop"):
            return 1

    assert leave() == 1
    assert names(recorder) == {"loop": 5}


def test_interleaved_tasks_on_one_span(recorder):
    shared = span("task")
    order = []

    async def work(number: int, first: asyncio.Event, second: asyncio.Event) -> None:
        with shared:
            order.append(("in", number))
            first.set()
            await second.wait()
        order.append(("out", number))

    async def main() -> None:
        started, release = [asyncio.Event() for _ in range(3)], [asyncio.Event() for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(work(number, started[number], release[number]))
            for event in started:
                await event.wait()
            for number in (0, 2, 1):  # neither first in, first out nor last in, first out
                release[number].set()
                await asyncio.sleep(0)

    asyncio.run(main())
    assert order == [("in", 0), ("in", 1), ("in", 2), ("out", 0), ("out", 2), ("out", 1)]
    found = spans(recorder)  # in the order of their ends
    first, third, second = (row["begin_ns"] for row in found)
    assert first < second < third
    ends = [row["begin_ns"] + row["duration_ns"] for row in found]
    assert ends == sorted(ends)


def test_a_generator_suspended_in_a_span(recorder):
    shared = span("generator")

    def produce():
        with shared:
            yield 1
            yield 2

    suspended, other = produce(), produce()
    assert (next(suspended), next(other)) == (1, 1)
    with shared:
        pass
    assert list(suspended) == [2]
    other.close()  # GeneratorExit
    inner, first, second = rows(recorder)
    assert first["begin_ns"] < second["begin_ns"] < inner["begin_ns"]
    assert inner["end_ns"] < first["end_ns"] < second["end_ns"]
    assert [row["raised"] for row in (inner, first, second)] == [0, 0, 1]


def test_exit_stack(recorder):
    shared = span("stack")
    with contextlib.ExitStack() as stack:
        stack.enter_context(shared)
        with shared:
            stack.enter_context(shared)
        stack.enter_context(span("value", 3))
    with pytest.raises(KeyError), contextlib.ExitStack() as stack:
        stack.enter_context(shared)
        raise KeyError
    found = rows(recorder)
    assert [(row["name"], row["value"], row["raised"]) for row in found] == [
        ("stack", 0, 0),
        ("value", 3, 0),
        ("stack", 0, 0),
        ("stack", 0, 0),
        ("stack", 0, 1),
    ]
    block, _, inner, outer, _ = found
    assert outer["begin_ns"] < block["begin_ns"] < inner["begin_ns"]


def test_exit_stacks_of_interleaved_tasks(recorder):
    shared = span("stacks")

    async def main() -> None:
        stacks = [contextlib.ExitStack() for _ in range(3)]
        contexts = [contextvars.copy_context() for _ in range(3)]
        for stack, context in zip(stacks, contexts, strict=True):
            context.run(stack.enter_context, shared)
        for number in (0, 2, 1):
            contexts[number].run(stacks[number].close)

    asyncio.run(main())
    first, third, second = (row["begin_ns"] for row in rows(recorder))
    assert first < second < third


def test_looking_the_methods_up_has_no_side_effect(recorder):
    shared = span("looked at")
    for _ in range(3):
        assert hasattr(shared, "__enter__")
        assert hasattr(shared, "__exit__")
    with shared:
        assert hasattr(shared, "__exit__")
        kept = shared.__exit__
        with shared:
            assert hasattr(shared, "__exit__")
    del kept
    assert names(recorder) == {"looked at": 2}
    with pytest.raises(RuntimeError, match="'looked at' is not open: __exit__ without __enter__"):
        shared.__exit__(None, None, None)


def test_methods_called_by_hand(recorder):
    shared = span("by hand")
    assert shared.__enter__() is shared
    shared.__enter__()
    shared.__exit__(None, None, None)
    with shared:
        pass
    shared.__exit__(None, None, None)
    inner, block, outer = rows(recorder)
    assert outer["begin_ns"] < inner["begin_ns"] < inner["end_ns"] < block["begin_ns"] < block["end_ns"]
    with pytest.raises(RuntimeError, match="not open"):
        shared.__exit__(None, None, None)
    with pytest.raises(TypeError, match="3 arguments; given 0"):
        shared.__exit__()


def test_a_value_for_one_block(recorder):
    for value in (0, 1, -1, 2**30, -(2**30), 2**63 - 1, -(2**63), True, np.int64(-5)):
        with span("value", value):
            pass
    assert [row["value"] for row in rows(recorder)] == [0, 1, -1, 2**30, -(2**30), 2**63 - 1, -(2**63), 1, -5]


def test_an_entry_is_for_one_block_at_a_time(recorder):
    entry = span("entry", 5)
    assert repr(entry) == "<SpanEntry 'entry' value=5>"
    with pytest.raises(RuntimeError, match="not open"):
        entry.__exit__(None, None, None)
    with entry as entered:
        assert entered is entry
        with pytest.raises(RuntimeError, match=r"open already; call span\(name, value\)"):
            entry.__enter__()
    with entry:
        pass
    with span("entry", 6), span("entry", 7):
        pass
    assert [row["value"] for row in rows(recorder)] == [5, 5, 7, 6]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**200])
def test_values_out_of_range(value):
    for call in (span, mark, counter, lambda name, value: begin(name, 1, value)):
        with pytest.raises(OverflowError, match=rf"from -2\*\*63 to 2\*\*63 - 1; given {value}"):
            call("x", value)


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), "7", None])
def test_values_of_the_wrong_type(value):
    for call in (span, mark, counter):
        with pytest.raises(TypeError, match="a value must be an int; given"):
            call("x", value)


@pytest.mark.parametrize("id", [-1, 2**64, -(2**64)])
def test_ids_out_of_range(id):
    for call in (begin, end):
        with pytest.raises(OverflowError, match=rf"an id must be from 0 to 2\*\*64 - 1; given {id}"):
            call("x", id)


def test_names():
    for bad in (None, 7, b"x", lambda: None):
        with pytest.raises(TypeError, match="name must be a str; given"):
            span(bad)
    with pytest.raises(ValueError, match="empty"):
        span("")
    with pytest.raises(UnicodeEncodeError):
        span("\ud800")
    for call, arguments in [(span, ()), (span, ("x", 1, 2)), (mark, ()), (counter, ("x",)), (end, ("x", 1, 2))]:
        with pytest.raises(TypeError, match="given"):
            call(*arguments)
    with pytest.raises(TypeError):
        span(name="x")


def test_odd_names_arrive_whole(recorder):
    odd = ["a\0b", "日本語", "x" * 10_000, "🎉"]
    for name in odd:
        mark(name)
    assert [row["name"] for row in rows(recorder)] == odd


def test_too_many_names():
    code = """
        from inference_bench._native import span
        try:
            for i in range(70_000): span(f"request {i}")
        except ValueError as error:
            assert "65536 names" in str(error) and "into the id or the value" in str(error), error
            assert i == 65_536
            assert span("request 5").name == "request 5"
        else:
            raise SystemExit("not refused")
    """
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_types_cannot_be_made_or_extended():
    span_function = type(span("decorated")(len))
    for cls in (_native.Span, _native.SpanEntry, span_function):
        with pytest.raises(TypeError):
            cls()
    for cls in (_native.Span, _native.SpanEntry, span_function, Mark):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            types.new_class("Sub", (cls,))
        with pytest.raises(TypeError):
            cls.__enter__ = None


def test_spans_are_pickled_and_copied_by_name():
    assert pickle.loads(pickle.dumps(span("pickled"))) is span("pickled")
    assert copy.deepcopy(span("pickled")) is span("pickled")
