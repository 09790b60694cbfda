"""Coroutine functions under a span."""

from __future__ import annotations

import asyncio
import gc
import inspect
import traceback
import types

import pytest

from inference_bench._native import span
from tests.span_rows import names, rows


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
