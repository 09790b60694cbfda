"""Pauses of the garbage collector."""

from __future__ import annotations

import gc

from inference_bench.live.asgi import ProfilerMiddleware


def test_collections_of_garbage_show_as_pauses(profiler):
    middleware = ProfilerMiddleware(None, profiler, loop_lag=False)
    middleware._gc_pauses.start()
    middleware._gc_pauses.start()
    gc.collect()
    middleware._gc_pauses.stop()
    gc.collect()

    assert profiler.snapshot().as_plain()["histograms"]['gc_pause{generation="2"}']["count"] == 1
