"""The recorder: when it records, how much it holds, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pyarrow as pa
import pyarrow.compute
import pytest

from inference_bench import _native
from inference_bench._native import Mark, SpanRecorder, begin, counter, mark, span
from tests.children import run_python
from tests.span_rows import names, rows


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
