"""Chrome traces of spans, requests and generations."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time


def test_the_trace_holds_what_its_format_asks_for(profiler, generate):
    with profiler.request() as request, request.span('"<script>"'):
        generate("m")
    profiler.span("open").begin(77)

    trace = json.loads(profiler.chrome_trace(60))

    events = trace["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "b", "e", "i"}
    for event in events[1:]:
        assert isinstance(event["ts"], float)
        assert event["pid"] == os.getpid()
        assert event["tid"] > 0
        assert event["ph"] != "X" or event["dur"] >= 0
        assert event["ph"] not in "be" or (event["cat"] and event["id"])
    assert [event["ts"] for event in events[1:]] == sorted(event["ts"] for event in events[1:])
    pairs = [(event["name"], event["id"]) for event in events if event["ph"] == "b"]
    assert {(event["name"], event["id"]) for event in events if event["ph"] == "e"} == set(pairs) - {("open", "0x4d")}


def test_the_trace_keeps_the_last_seconds_only(profiler):
    with profiler.span("old"):
        pass
    time.sleep(0.1)
    with profiler.span("new"):
        pass

    names = {event["name"] for event in json.loads(profiler.chrome_trace(0.05))["traceEvents"]}

    assert names == {"process_name", "new"}


def overlaps(events):
    """Return the pairs of blocks on one line that neither nest nor follow each other."""
    found, stack = [], []
    blocks = sorted((e for e in events if e["ph"] == "X"), key=lambda e: (e["tid"], e["ts"], -e["dur"]))
    for event in blocks:
        while stack and (stack[-1]["tid"] != event["tid"] or stack[-1]["ts"] + stack[-1]["dur"] <= event["ts"]):
            stack.pop()
        if stack and event["ts"] + event["dur"] > stack[-1]["ts"] + stack[-1]["dur"]:
            found.append((stack[-1]["name"], event["name"]))
        stack.append(event)
    return found


def test_blocks_of_concurrent_tasks_are_asynchronous_events(profiler):
    draw = random.Random(1)
    waits = [[draw.random() / 50 for _ in range(4)] for _ in range(40)]

    async def job(number):
        before, outer, inner, after = waits[number]
        await asyncio.sleep(before)
        with profiler.span(f"outer {number}"):
            await asyncio.sleep(outer)
            with profiler.span(f"inner {number}"):
                await asyncio.sleep(inner)
            await asyncio.sleep(after)

    async def main():
        await asyncio.gather(*(job(number) for number in range(len(waits))))

    asyncio.run(main())
    events = json.loads(profiler.chrome_trace())["traceEvents"]

    assert overlaps(events) == []
    begun = {(e["cat"], e["id"]): e for e in events if e["ph"] == "b"}
    ended = {(e["cat"], e["id"]): e for e in events if e["ph"] == "e"}
    assert begun and begun.keys() == ended.keys()
    assert all(begun[key]["ts"] <= ended[key]["ts"] for key in begun)
    shown = [e["name"] for e in events if e["ph"] in "Xb"]
    assert sorted(shown) == sorted(f"{part} {number}" for part in ("outer", "inner") for number in range(len(waits)))


def test_blocks_that_nest_stay_on_their_thread(profiler):
    for _ in range(20):
        with profiler.span("outer"):
            with profiler.span("first"):
                pass
            with profiler.span("second"):
                pass

    events = json.loads(profiler.chrome_trace())["traceEvents"]

    assert [e["ph"] for e in events if e["ph"] in "Xbe"] == ["X"] * 60
