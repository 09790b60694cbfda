"""Requests follow their tasks, and their records carry their ids."""

from __future__ import annotations

import asyncio
import json

from inference_bench.live import current_request


def test_a_request_follows_its_tasks_and_no_others(profiler):
    seen: dict[int, list[int]] = {}

    async def deeper() -> int:
        await asyncio.sleep(0)
        return current_request().id

    async def serve():
        with profiler.request() as request, request.span("tokenize"):
            request.mark("token")
            seen[request.id] = [await deeper(), await asyncio.create_task(deeper()), await asyncio.to_thread(thread)]

    def thread() -> int:
        return current_request().id

    async def main():
        await asyncio.gather(*(serve() for _ in range(20)))

    asyncio.run(main())

    assert len(seen) == 20
    assert all(set(ids) == {number} for number, ids in seen.items())
    assert current_request() is None
    snapshot = profiler.snapshot()
    plain = snapshot.as_plain()
    assert plain["counters"] == {"requests": 20, "requests_sampled": 20}
    assert plain["gauges"] == {"requests_in_flight": 0}
    assert snapshot.histogram("request").total == snapshot.histogram("tokenize").total == 20
    assert snapshot.marks == {"token": 20}


def test_records_of_a_request_carry_its_id(profiler):
    with profiler.request() as request, request.span("tokenize"):
        pass

    events = json.loads(profiler.chrome_trace())["traceEvents"]

    tokenize = next(event for event in events if event["name"] == "tokenize")
    assert tokenize["args"] == {"request": request.id}
    assert [event["ph"] for event in events if event["name"] == "request"] == ["b", "e"]
