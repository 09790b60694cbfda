"""Lag of the event loop."""

from __future__ import annotations

import asyncio
import time

from inference_bench.live.loop_lag import LoopLag


def test_a_blocked_loop_shows_as_lag(profiler):
    async def block():
        lag = LoopLag(profiler, interval_ns=1_000_000)
        lag.start()
        await asyncio.sleep(0.02)
        time.sleep(0.2)
        await asyncio.sleep(0.02)
        lag.stop()

    asyncio.run(block())

    assert profiler.snapshot().histogram("loop_lag").percentile(100)[1] >= 150_000_000
