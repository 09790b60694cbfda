"""A running profiler, generations without a model, a server over loopback, and a reader of its counts."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from inference_bench.live import Profiler
from inference_bench.live.generation import Generation, GenerationSeries


@pytest.fixture
def profiler():
    with Profiler("svc", budget=1.0) as running:
        yield running


@pytest.fixture
def generate(profiler):
    """Return a function that records a generation as an instrumented model does, without a model."""

    def record(name, tokens=5):
        generation = Generation(GenerationSeries(profiler.book, profiler.sampling, name))
        for _ in range(tokens + 1):
            generation.iterate()
        generation.finish((1, 8), None)

    return record


@pytest.fixture
def serving():
    """Return a context manager that serves an ASGI application and yields its address."""
    import uvicorn

    @contextlib.contextmanager
    def serve(app, loop="asyncio"):
        config = uvicorn.Config(app, port=0, log_level="error", loop=loop, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()
            assert not thread.is_alive()

    return serve


@pytest.fixture
def responses():
    """Return a function that counts the responses in a snapshot by route, method and status."""

    def count(snapshot, name="http_responses"):
        found = {}
        for key, value in {**snapshot.counters, **snapshot.histograms}.items():
            labels = dict(key.labels)
            number = value if isinstance(value, int) else value.total
            if key.name == name and number:
                found[labels["route"], labels["method"], labels["status"]] = number
        return found

    return count
