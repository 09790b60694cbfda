"""What the snippets of ``docs/live.md`` leave out: an application, a tiny model, and a server that serves a moment."""

from __future__ import annotations

import sys
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace

import uvicorn as _uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from inference_bench.live import Profiler
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.generation import Generation, GenerationSeries
from inference_bench.live.parquet import ParquetExporter
from inference_bench.live.prometheus import PrometheusCollector, serve_metrics
from inference_bench.live.watch_endpoint import WatchEndpoint
from inference_bench.live.watch_socket import WatchSocket
from tests.tiny_networks import tiny

__all__ = [
    "FastAPI",
    "ParquetExporter",
    "Profiler",
    "ProfilerMiddleware",
    "PrometheusCollector",
    "WatchEndpoint",
    "WatchSocket",
    "app",
    "asynccontextmanager",
    "load",
    "registry",
    "serve_metrics",
    "uvicorn",
]


def load():
    """Return a network that generates."""
    return tiny("llama")


def serve_a_moment(application):
    """Start a real server and let it end at once, as if it were stopped."""
    server = _uvicorn.Server(_uvicorn.Config(application, port=0, log_level="error"))
    threading.Timer(0.5, setattr, [server, "should_exit", True]).start()
    server.run()
    assert server.started


def write_a_run(folder):
    """Write the run folder of a server that has generated, without a model."""
    with Profiler("chat", budget=1.0) as profiler, ParquetExporter(profiler, folder, "tiny", interval_s=60):
        for _ in range(10):
            generation = Generation(GenerationSeries(profiler.book, profiler.sampling, "tiny"))
            for _ in range(6):
                generation.iterate()
            generation.finish((1, 8), None)


app = FastAPI()
registry = CollectorRegistry()
uvicorn = SimpleNamespace(run=serve_a_moment)

if __name__ == "__main__":
    write_a_run(sys.argv[1])
