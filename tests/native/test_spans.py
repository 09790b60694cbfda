from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import inspect
import itertools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
import types
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench import _native
from inference_bench._native import Mark, SpanRecorder, begin, counter, end, mark, span


@pytest.fixture
def recorder() -> Iterator[SpanRecorder]:
    recorder = SpanRecorder()
    with recorder:
        yield recorder


def rows(recorder: SpanRecorder) -> list[dict]:
    return pa.table(recorder.drain()).to_pylist()


def spans(recorder: SpanRecorder) -> list[dict]:
    return pa.table(recorder.drain().spans()).to_pylist()


def names(recorder: SpanRecorder) -> Counter:
    return Counter(row["name"] for row in rows(recorder))


def contains(outer: dict, inner: dict) -> bool:
    return (
        outer["begin_ns"] <= inner["begin_ns"]
        and inner["begin_ns"] + inner["duration_ns"] <= outer["begin_ns"] + outer["duration_ns"]
    )


def run_in_child(check: object) -> int:
    """Fork, run `check` in the child, and return its exit status; a child that hangs is killed by SIGALRM."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )


# ---- with


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
    for cls in (_native.Span, _native.SpanEntry, type(module_level)):
        with pytest.raises(TypeError):
            cls()
    for cls in (_native.Span, _native.SpanEntry, type(module_level), Mark):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            types.new_class("Sub", (cls,))
        with pytest.raises(TypeError):
            cls.__enter__ = None


def test_spans_are_pickled_and_copied_by_name():
    assert pickle.loads(pickle.dumps(span("pickled"))) is span("pickled")
    assert copy.deepcopy(span("pickled")) is span("pickled")


# ---- begin and end


def test_begin_and_end_of_one_span(recorder):
    single = span("single")
    single.begin()
    with pytest.raises(RuntimeError, match=r"'single' has begun already.*begin\(id\)"):
        begin("single")
    with single:
        pass
    single.end()
    with pytest.raises(RuntimeError, match=r"'single' has not begun: end\(\) without begin\(\)"):
        single.end()
    begin("single")
    end("single")
    inner, outer, again = spans(recorder)
    assert contains(outer, inner)
    assert outer["begin_ns"] + outer["duration_ns"] <= again["begin_ns"]


def test_begin_and_end_are_matched_by_name_and_id(recorder):
    request = span("request")
    request.begin(1, 10)
    request.begin(2**64 - 1, 20)
    span("other").begin(1)
    thread = threading.Thread(target=lambda: end("request", 1))
    thread.start()
    thread.join()
    request.end(2**64 - 1)
    found = spans(recorder)
    assert [(row["name"], row["id"], row["value"]) for row in found] == [
        ("request", 1, 10),
        ("request", 2**64 - 1, 20),
    ]
    assert recorder.counts()["open"] == 1
    span("other").end(1)  # in the next drain
    assert [(row["name"], row["id"]) for row in spans(recorder)] == [("other", 1)]
    assert recorder.counts()["open"] == 0


def test_halves_without_another(recorder):
    end("lonely", 5)
    begin("twice", 5)
    begin("twice", 5)
    end("twice", 5)
    (only,) = spans(recorder)
    assert only["name"] == "twice"
    recorder.drain()
    counts = recorder.counts()
    assert (counts["open"], counts["unmatched_begins"], counts["unmatched_ends"]) == (0, 1, 1)


events = st.lists(
    st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from(["a", "b"]), st.integers(0, 3), st.booleans()),
    max_size=40,
)


@settings(deadline=None)
@given(events)
def test_matching_agrees_with_a_plain_model(events):
    """Each event may be followed by a drain; an end that found no beginning gets one more drain to find it."""
    recorder = SpanRecorder(capacity=100)
    open_: dict[tuple[str, int], int] = {}
    expected, unmatched_begins, unmatched_ends = [], 0, 0
    found = []
    with recorder:
        for value, (kind, name, id, drain) in enumerate(events):
            if kind == "begin":
                begin(name, id, value)
                unmatched_begins += (name, id) in open_
                open_[name, id] = value
            else:
                end(name, id)
                if (name, id) in open_:
                    expected.append((name, id, open_.pop((name, id))))
                else:
                    unmatched_ends += 1
            if drain:
                found += spans(recorder)
        found += spans(recorder)
        recorder.drain()
    assert [(row["name"], row["id"], row["value"]) for row in found] == expected
    counts = recorder.counts()
    assert counts["open"] == len(open_)
    assert counts["unmatched_begins"] == unmatched_begins
    assert counts["unmatched_ends"] == unmatched_ends


# ---- instants and counters


def test_instants_and_counters(recorder):
    first = Mark("token")
    assert first.name == "token"
    first()
    first(4)
    mark("token", -4)
    counter("queue", 17)
    found = rows(recorder)
    assert [(row["name"], row["kind"], row["value"]) for row in found] == [
        ("token", "instant", 0),
        ("token", "instant", 4),
        ("token", "instant", -4),
        ("queue", "counter", 17),
    ]
    assert all(row["begin_ns"] == row["end_ns"] for row in found)
    for bad in ((1, 2), ("x",)):
        with pytest.raises(TypeError):
            first(*bad)


# ---- functions


def test_a_decorated_function_is_that_function(recorder):
    @span("f")
    def f(a: int, /, b: str = "x", *args: int, c: float, **kwargs: object) -> tuple:
        """Doc."""
        return a, b, args, c, kwargs

    assert f(1, "y", 2, 3, c=4.0, d=5) == (1, "y", (2, 3), 4.0, {"d": 5})
    assert f(1, c=0) == (1, "x", (), 0, {})
    assert f(*(1,), c=2) == (1, "x", (), 2, {})
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
        f(1)
    assert str(inspect.signature(f)) == (
        "(a: 'int', /, b: 'str' = 'x', *args: 'int', c: 'float', **kwargs: 'object') -> 'tuple'"
    )
    assert (f.__name__, f.__doc__, f.__module__) == ("f", "Doc.", __name__)
    assert f.__qualname__.endswith("<locals>.f")
    assert f.__annotations__["a"] == "int"
    assert inspect.unwrap(f) is f.__wrapped__
    assert inspect.getsource(f).startswith('    @span("f")')
    assert callable(f)
    assert not inspect.iscoroutinefunction(f)
    f.attribute = 7
    assert f.attribute == 7
    with pytest.raises(AttributeError):
        _ = f.nothing
    assert [row["raised"] for row in rows(recorder)] == [0, 0, 0, 1]


def module_level(x):
    return x + 1


module_level = span("module_level")(module_level)


def test_a_decorated_function_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_methods(recorder):
    class Model:
        @span("method")
        def method(self, x):
            return self, x

        @classmethod
        @span("class method")
        def make(cls):
            return cls

        @staticmethod
        @span("static method")
        def free(x):
            return x

        @property
        @span("property")
        def size(self):
            return 3

    model = Model()
    assert model.method(1) == (model, 1)
    assert Model.method(model, 2) == (model, 2)
    assert Model.make() is Model
    assert model.free(3) == 3
    assert model.size == 3
    assert names(recorder) == {"method": 2, "class method": 1, "static method": 1, "property": 1}


def test_tracebacks_show_the_function_and_nothing_of_ours(recorder):
    @span("raises")
    def raises():
        raise ValueError("boom")

    with pytest.raises(ValueError) as caught:
        raises()
    frames = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert frames == ["test_tracebacks_show_the_function_and_nothing_of_ours", "raises"]


def test_recursion_is_bounded_as_ever(recorder):
    @span("deep")
    def deep():
        deep()

    with pytest.raises(RecursionError):
        deep()


def test_what_cannot_be_decorated():
    def generator():
        yield

    async def async_generator():
        yield

    for function in (generator, async_generator):
        with pytest.raises(TypeError, match="put a with statement into"):
            span("x")(function)
    for nothing in (7, None, "f", int):
        with pytest.raises(TypeError, match="a span decorates functions; given"):
            span("x")(nothing)
    with pytest.raises(TypeError, match="put it below @staticmethod"):
        span("x")(staticmethod(len))
    with pytest.raises(TypeError):
        span("x")()


def test_builtins_and_partials_are_decorated_too(recorder):
    assert span("len")(len)("abc") == 3
    assert span("partial")(functools.partial(max, 1))(2) == 2
    assert names(recorder) == {"len": 1, "partial": 1}


def test_decorated_functions_are_collected():
    def make():
        @span("cycle")
        def f(): ...

        f.self = f
        return f

    f = make()
    import weakref

    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None


# ---- coroutine functions


def test_a_decorated_coroutine_function(recorder):
    @span("co")
    async def co(a, *, b=2):
        """Doc."""
        await asyncio.sleep(0)
        return a, b

    assert inspect.iscoroutinefunction(co)
    assert asyncio.iscoroutinefunction(co)
    assert str(inspect.signature(co)) == "(a, *, b=2)"
    assert co.__doc__ == "Doc."

    async def main():
        assert await co(1) == (1, 2)
        assert await asyncio.create_task(co(2, b=3)) == (2, 3)
        assert await asyncio.gather(co(3), co(4)) == [(3, 2), (4, 2)]
        return await asyncio.wait_for(co(5), 10)

    assert asyncio.run(main()) == (5, 2)
    assert asyncio.run(co(6)) == (6, 2)
    assert names(recorder) == {"co": 6}


def test_interleaved_coroutines_of_one_span(recorder):
    events = [asyncio.Event() for _ in range(3)]

    @span("interleaved")
    async def co(number):
        await events[number].wait()

    async def main():
        tasks = [asyncio.create_task(co(number)) for number in range(3)]
        for number in (0, 2, 1):
            await asyncio.sleep(0)
            events[number].set()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    first, third, second = (row["begin_ns"] for row in rows(recorder))
    assert first < second < third


def test_a_coroutine_that_raises_or_is_cancelled(recorder):
    @span("raises")
    async def raises():
        await asyncio.sleep(0)
        raise ValueError("boom")

    @span("cancelled")
    async def cancelled():
        await asyncio.sleep(3600)

    @span("cleans up")
    async def cleans_up():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "cleaned"

    async def main():
        with pytest.raises(ValueError, match="boom") as caught:
            await raises()
        assert [frame.name for frame in traceback.extract_tb(caught.tb)] == ["main", "raises"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cancelled(), 0.001)
        task = asyncio.create_task(cleans_up())
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "cleaned"

    asyncio.run(main())
    assert [(row["name"], row["raised"]) for row in rows(recorder)] == [
        ("raises", 1),
        ("cancelled", 1),
        ("cleans up", 0),
    ]


def test_a_coroutine_driven_by_hand(recorder):
    @types.coroutine
    def ask():
        return (yield "question")

    @span("by hand")
    async def co():
        return await ask(), (1, 2)

    driven = co()
    assert inspect.isawaitable(driven)
    assert driven.cr_frame is not None
    assert driven.__name__ == "co"
    assert driven.send(None) == "question"
    with pytest.raises(RuntimeError, match="being awaited already"):
        driven.__await__()
    with pytest.raises(StopIteration) as stop:
        driven.send("answer")
    assert stop.value.value == ("answer", (1, 2))
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        driven.send(None)

    closed = co()
    closed.send(None)
    closed.close()
    thrown = co()
    thrown.send(None)
    with pytest.raises(KeyError):
        thrown.throw(KeyError())
    iterated = co().__await__()
    assert next(iterated) == "question"
    with pytest.raises(StopIteration):
        next(iterated)
    dropped = co()
    dropped.send(None)
    del dropped
    assert [row["raised"] for row in rows(recorder)] == [0, 1, 1, 0, 1]


def test_a_coroutine_that_is_never_awaited(recorder):
    @span("never")
    async def never(): ...

    with pytest.warns(RuntimeWarning, match="coroutine '.*never' was never awaited"):
        never()
        gc.collect()
    never().close()
    assert names(recorder) == {}


# ---- threads and tasks in number


@pytest.mark.parametrize(("capacity", "mode"), [(1 << 20, "discard"), (20_000, "discard"), (20_000, "overwrite")])
def test_eight_threads_account_for_every_span(capacity, mode):
    recorder = SpanRecorder(capacity=capacity, mode=mode)
    shared, each = span("shared"), 20_000
    native_ids = []

    def work(name: str) -> None:
        native_ids.append(threading.get_native_id())
        for number in range(each // 2):
            with shared:
                pass
            with span(name, number):
                pass

    drained = []
    with recorder:
        threads = [threading.Thread(target=work, args=(f"thread {i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            drained.append(recorder.drain())
            threads[0].join(0.001)
        for thread in threads:
            thread.join()
    drained.append(recorder.drain())
    counts = recorder.counts()
    table = pa.concat_tables([pa.table(part).cast(PLAIN) for part in drained])
    assert counts["recorded"] == len(table)
    assert counts["recorded"] + counts["lost"] == 8 * each
    if capacity >= 8 * each:
        assert counts["lost"] == 0
        assert Counter(table["name"].to_pylist())["shared"] == 8 * each // 2
    assert set(table["thread"].to_pylist()) <= set(native_ids)
    # A thread's own records come in the order in which it made them, each once.
    for number in range(8):
        values = table.filter(pa.compute.equal(table["name"], f"thread {number}"))["value"].to_numpy()
        assert (np.diff(values) > 0).all()
    assert (table["end_ns"].to_numpy() >= table["begin_ns"].to_numpy()).all()


PLAIN = pa.schema(
    [
        ("name", pa.string()),
        ("kind", pa.string()),
        ("thread", pa.int32()),
        ("id", pa.uint64()),
        ("value", pa.int64()),
        ("begin_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("raised", pa.uint8()),
    ]
)


def test_ten_thousand_tasks_account_for_every_span(recorder):
    shared = span("one of many")

    @span("coroutine")
    async def co(number: int) -> None:
        with shared:
            await asyncio.sleep(0)
            with shared:
                await asyncio.sleep(0)
        begin("id", number)
        await asyncio.sleep(0)
        end("id", number)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(10_000):
                group.create_task(co(number))

    asyncio.run(main())
    drained = recorder.drain()
    assert len(drained) == 50_000
    counts = recorder.counts()
    assert (counts["lost"], counts["open"], counts["unmatched_begins"], counts["unmatched_ends"]) == (0, 0, 0, 0)
    found = pa.table(drained.spans())
    assert Counter(found["name"].to_pylist()) == {"one of many": 20_000, "coroutine": 10_000, "id": 10_000}
    ids = found.filter(pa.compute.equal(found["name"], "id"))["id"].to_pylist()
    assert sorted(ids) == list(range(10_000))


def test_threads_that_end_give_their_chunks_back():
    recorder = SpanRecorder(capacity=100_000)
    with recorder:
        for number in range(500):  # each holds 2,046 records' room while it lives
            thread = threading.Thread(target=mark, args=("brief", number))
            thread.start()
            thread.join()
            if number % 20 == 19:
                recorder.drain()
    assert recorder.counts()["recorded"] == 500
    assert recorder.counts()["lost"] == 0


# ---- the recorder


def test_nothing_is_recorded_while_no_recorder_runs():
    recorder = SpanRecorder()
    with span("before"):
        recorder.start()
    assert _native.recording()
    with span("stopped inside"):
        recorder.stop()
    mark("after")
    span("after").begin()
    span("after").end()
    with pytest.raises(RuntimeError, match="has not begun"):
        span("after").end()
    assert not _native.recording()
    assert len(recorder.drain()) == 0
    recorder.start()
    mark("again")
    recorder.stop()
    recorder.stop()
    assert names(recorder) == {"again": 1}


def test_a_closed_recorder_refuses_whoever_enters_a_span():
    s = span("late")

    @s
    def function() -> None: ...

    @s
    async def coroutine() -> None:
        await asyncio.sleep(0)

    recorder = SpanRecorder()
    recorder.start()
    open_before, begun_before, running = span("open before"), span("begun before"), coroutine()
    open_before.__enter__()
    with open_before:
        begun_before.begin()
        begun_before.begin(7)
        running.send(None)
        not_started = coroutine()
        mark("before")
        recorder.close()
        assert recorder.closed
        assert not recorder.running
    # What began before ends in peace: its end is not where the mistake is.
    open_before.__exit__(None, None, None)
    begun_before.end()
    begun_before.end(7)
    with pytest.raises(StopIteration):
        running.send(None)
    with pytest.raises(RuntimeError, match="'begun before' has not begun"):
        begun_before.end()

    def enter(what: contextlib.AbstractContextManager) -> None:
        with what:
            raise AssertionError("entered")

    with contextlib.ExitStack() as stack:
        for late in (
            lambda: enter(s),
            lambda: enter(span("late")),
            lambda: enter(span("late", 7)),
            lambda: stack.enter_context(s),
            lambda: type(s).__enter__(s),
            s.__enter__,
            s.begin,
            lambda: s.begin(7),
            lambda: begin("late"),
            lambda: begin("late", 7, 8),
            lambda: mark("late"),
            lambda: mark("late", 7),
            Mark("late"),
            lambda: counter("late", 7),
            function,
            coroutine,
            lambda: not_started.send(None),
        ):
            with pytest.raises(RuntimeError, match=r"span 'late': the recorder was closed; start\(\) another first"):
                late()
    not_started.close()
    with pytest.raises(RuntimeError, match="'late' is not open"):
        s.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="closed, and that is for good"):
        recorder.start()
    recorder.stop()
    recorder.close()
    assert names(recorder) == {"before": 1, "begun before": 1}  # it can still be read
    assert recorder.counts()["recorded"] == 2

    with SpanRecorder() as another, s:
        function()
    assert names(another) == {"late": 2}
    with s:  # stopped, not closed: whoever is instrumented need not know
        mark("late")


def test_closing_a_recorder_that_another_followed():
    first, second = SpanRecorder(), SpanRecorder()
    never_ran = SpanRecorder()
    with first:
        pass
    with second:
        first.close()
        mark("second's")
    never_ran.close()
    mark("ignored")
    second.close()
    with pytest.raises(RuntimeError, match="the recorder was closed"):
        mark("late")
    del second
    gc.collect()
    with pytest.raises(RuntimeError, match="the recorder was closed"):
        mark("late")
    with SpanRecorder() as third:
        third.close()
        assert third.closed
    with SpanRecorder():
        pass
    mark("ignored")


def test_one_recorder_at_a_time(recorder):
    assert recorder.running
    with pytest.raises(RuntimeError, match="this recorder is running already"):
        recorder.start()
    other = SpanRecorder(capacity=1)
    with pytest.raises(RuntimeError, match="another recorder is running"):
        other.start()
    assert not other.running
    recorder.stop()
    with other:
        mark("other's")
    recorder.start()
    mark("first's")
    assert names(other) == {"other's": 1}
    assert names(recorder) == {"first's": 1}


def test_a_recorder_that_is_dropped_while_it_runs():
    recorder = SpanRecorder()
    recorder.start()
    mark("x")
    del recorder
    gc.collect()
    assert not _native.recording()
    mark("x")
    with SpanRecorder() as recorder:
        mark("x")
    assert len(recorder.drain()) == 1


def test_full_discards_the_newest_and_counts():
    recorder = SpanRecorder(capacity=5_000)
    assert recorder.mode == "discard"
    with recorder:
        for number in range(20_000):
            mark("x", number)
        assert recorder.counts()["lost_full"] == 20_000 - recorder.capacity
        assert [row["value"] for row in rows(recorder)] == list(range(recorder.capacity))
        mark("x", -1)
        assert [row["value"] for row in rows(recorder)] == [-1]
    counts = recorder.counts()
    assert counts["recorded"] == recorder.capacity + 1
    assert counts["lost"] == counts["lost_full"] == 20_000 - recorder.capacity


def test_full_overwrites_the_oldest_and_counts():
    recorder = SpanRecorder(capacity=5_000, mode="overwrite")
    assert recorder.mode == "overwrite"
    with recorder:
        for number in range(20_000):
            mark("x", number)
        kept = pa.table(recorder.snapshot())["value"].to_pylist()
        assert len(kept) >= 5_000
        assert kept == list(range(20_000 - len(kept), 20_000))
        assert pa.table(recorder.snapshot())["value"].to_pylist() == kept
    assert [row["value"] for row in rows(recorder)] == kept
    counts = recorder.counts()
    assert counts["recorded"] == len(kept)
    assert counts["lost"] == counts["overwritten"] == 20_000 - len(kept)


def test_a_backlog_is_filled_by_the_drainer():
    recorder = SpanRecorder(capacity=1, backlog=100_000)
    with recorder:
        made = 0
        while recorder.counts()["memory_bytes"] < 2 * SpanRecorder(capacity=1).counts()["memory_bytes"]:
            mark("x", made)
            made += 1
        recorder.drain()
    counts = recorder.counts()
    assert counts["recorded"] + counts["lost"] == made
    assert counts["recorded"] > recorder.capacity


def test_memory_is_bounded_and_taken_at_once():
    recorder = SpanRecorder(capacity=1_000_000)
    before = _native.rss_bytes()
    with recorder:
        for _ in range(200_000):
            mark("x")
    assert _native.rss_bytes() - before < 4_000_000  # the records themselves are 6.4 MB
    assert recorder.counts()["memory_bytes"] >= 32_000_000


@pytest.mark.parametrize("options", [{"capacity": 0}, {"capacity": -1}, {"capacity": 2**31 + 1}, {"backlog": -1}])
def test_sizes_out_of_range(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be from . to 2147483648 records; given"):
        SpanRecorder(**options)


def test_a_recorder_that_finds_no_memory_leaves_nothing_behind():
    code = """
        import os, resource, threading
        from inference_bench._native import SpanRecorder, mark
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
        for _ in range(10):
            try:
                SpanRecorder(capacity=1 << 28)
            except MemoryError:
                pass
            else:
                raise SystemExit("8 GiB of 4")
        with SpanRecorder() as recorder:
            thread = threading.Thread(target=mark, args=("x",))
            thread.start()
            thread.join()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert recorder.counts()["recorded"] == 1
    """
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_recorder_that_gets_no_thread_specific_key_says_so():
    code = """
        import ctypes
        from inference_bench._native import SpanRecorder, mark
        key, taken = ctypes.c_uint(), []
        libc = ctypes.CDLL(None)
        while libc.pthread_key_create(ctypes.byref(key), None) == 0:
            taken.append(key.value)
        try:
            SpanRecorder()
        except RuntimeError as error:
            assert "thread-specific key" in str(error), error
        else:
            raise SystemExit("made without a key")
        libc.pthread_key_delete(taken[-1])
        with SpanRecorder() as recorder:
            mark("x")
        assert recorder.counts()["recorded"] == 1
    """
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_bad_options():
    with pytest.raises(ValueError, match="'discard' or 'overwrite'; given 'ring'"):
        SpanRecorder(mode="ring")
    with pytest.raises(ValueError, match="backlog must be 0, given 5"):
        SpanRecorder(mode="overwrite", backlog=5)
    for capacity in (1.5, "7", None, 2**63):
        with pytest.raises(TypeError):
            SpanRecorder(capacity=capacity)


# ---- export


def test_arrow_and_buffers_show_the_same_without_a_copy(recorder):
    for number in range(5_000):
        with span("a" if number % 2 else "b", number):
            pass
    drained = recorder.drain()
    table = drained.records()
    assert len(drained) == len(table) == 5_000
    assert table.column_names == ["name", "kind", "thread", "id", "value", "begin_ns", "end_ns", "raised"]
    batch = pa.record_batch(table)
    batch.validate(full=True)
    assert pa.table(drained) == pa.table(table) == pa.Table.from_batches([batch])
    for name, view in table.columns().items():
        numbers = np.asarray(view)
        assert not numbers.flags.writeable
        arrow = batch.column(name)
        arrow = arrow.indices if isinstance(arrow, pa.DictionaryArray) else arrow
        assert arrow.buffers()[1].address == numbers.ctypes.data
        assert arrow.to_numpy().tolist() == numbers.tolist()
    assert table.labels("value") is None
    assert table.labels("kind") == ["span", "begin", "end", "instant", "counter"]
    labels = table.labels("name")
    assert [labels[i] for i in table.column("name")[:4]] == ["b", "a", "b", "a"]
    with pytest.raises(KeyError, match="no column 'nope'; there are name, kind"):
        table.column("nope")


def test_exports_outlive_what_they_came_from():
    recorder = SpanRecorder()
    with recorder:
        for number in range(100):
            mark("x", number)
    drained = recorder.drain()
    table, column = pa.table(drained), np.asarray(drained.records().column("value"))
    stream = drained.__arrow_c_stream__()
    del drained, recorder
    gc.collect()
    assert table["value"].to_pylist() == column.tolist() == list(range(100))
    assert table["name"].to_pylist() == ["x"] * 100
    del stream  # nobody imported it
    gc.collect()


def test_an_empty_drain_is_an_empty_table():
    drained = SpanRecorder(capacity=1).drain()
    assert pa.table(drained).num_rows == 0
    assert pa.table(drained.spans()).num_rows == 0
    assert pa.record_batch(drained.spans()).schema.names == [
        "name",
        "thread",
        "id",
        "value",
        "begin_ns",
        "duration_ns",
        "raised",
    ]


# ---- the process


def test_a_child_of_a_fork_is_stopped_and_may_start_again(recorder):
    mark("parent's")
    backlogged = SpanRecorder(capacity=1, backlog=1_000)

    def check() -> None:
        assert not recorder.running
        assert not _native.recording()
        mark("ignored")
        assert names(recorder) == {"parent's": 1}
        recorder.start()
        with span("child's"):
            pass
        recorder.stop()
        assert names(recorder) == {"child's": 1}
        with backlogged:
            mark("child's")
        assert names(backlogged) == {"child's": 1}

    assert run_in_child(check) == 0
    recorder.stop()
    with backlogged:
        assert run_in_child(lambda: backlogged.drain()) == 0
        mark("parent's")
    assert names(backlogged) == {"parent's": 1}
    assert names(recorder) == {"parent's": 1}


def test_forks_amid_recording_threads():
    recorder = SpanRecorder(mode="overwrite", capacity=10_000)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with span("busy"):
                pass

    def check() -> None:
        recorder.drain()
        recorder.start()
        mark("child's")
        recorder.stop()
        assert names(recorder) == {"child's": 1}

    with recorder:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert [run_in_child(check) for _ in range(10)] == [0] * 10
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_the_interpreter_ends_while_a_recorder_runs():
    code = """
        import atexit, threading
        from inference_bench._native import SpanRecorder, mark, span
        recorder = SpanRecorder(capacity=1, backlog=100_000)
        recorder.start()
        s = span("late")

        class Late:
            def __del__(self):
                with s: pass
                s.begin(); s.end()
                mark("late")

        late = Late()
        late.self = late
        def spin():
            while True:
                with s: pass
        threading.Thread(target=spin, daemon=True).start()
        atexit.register(lambda: s.__enter__())
        s.__enter__()
    """
    for options in ((), ("-X", "dev")):
        done = run_python(code, *options)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_ends_after_a_recorder_was_closed():
    code = """
        from inference_bench._native import SpanRecorder, mark, span
        with SpanRecorder() as recorder:
            recorder.close()

        class Late:
            def __del__(self):
                with span("late"): pass
                span("late").begin(); span("late").end()
                mark("late")

        late = Late()
        late.self = late
        import builtins
        builtins.late = late
        del late
    """
    for options in ((), ("-X", "dev")):
        done = run_python(code, *options)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_subinterpreter_is_refused():
    code = """
        import sys
        try:
            import _interpreters as interpreters
            subinterpreter = interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            subinterpreter = interpreters.create(isolated=False)
        from inference_bench import _native
        script = '''
        try:
            from inference_bench import _native
        except ImportError as error:
            assert "interpreter" in str(error), error
        else:
            raise SystemExit("not refused")
        '''
        failed = interpreters.run_string(subinterpreter, f"import sys; sys.path = {sys.path}\\n{script}")
        assert failed is None, failed
    """
    done = run_python(code)
    assert done.returncode == 0, done.stderr
