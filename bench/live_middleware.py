"""What measuring a request adds to an ASGI application: ours beside OpenTelemetry's and a Prometheus instrumentation.

The application answers at once with two bytes, in process, and is awaited without an event loop, so that nothing but
the middleware differs. OpenTelemetry makes spans that a batch processor throws away, and no metrics; the Prometheus one
(prometheus-fastapi-instrumentator) keeps its default metrics in a registry. Ours records every request in detail;
event-loop lag and GC pauses, which cost by the second and not by the request, are left out.

Run as ``python -m bench.live_middleware``; exits with 1 if ours adds more than 3 µs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from bench.interleave import Candidate, time_interleaved
from bench.peers import opentelemetry_provider
from inference_bench.live import Profiler
from inference_bench.live.asgi import ProfilerMiddleware

TARGET_NS = 3_000
BARE = "bare application"
OURS = "inference_bench"


class Route:
    """What a router leaves in the scope."""

    path = "/items/{number}"


SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/items/1",
    "raw_path": b"/items/1",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"bench")],
    "client": ("127.0.0.1", 50_000),
    "server": ("127.0.0.1", 8_000),
    "route": Route(),
}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once."""
    await send(dict(START))
    await send(dict(BODY))


async def receive() -> dict[str, Any]:
    """Return the empty body of a request."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    """Take a piece as a server does, and do nothing."""


def candidate(name: str, app: Any) -> Candidate:
    """Return one request to this application; each gets a scope of its own, as from a server."""
    names = {"app": app, "scope": SCOPE, "receive": receive, "send": send}
    return Candidate(name, "await app({**scope}, receive, send)", names, asynchronous=True)


def peers(missing: list[str]) -> Iterator[Candidate]:
    """Yield what is installed; append the names of the others to ``missing``."""
    for make in (_opentelemetry, _prometheus):
        try:
            yield make()
        except ImportError as error:
            missing.append(str(error.name))


def _opentelemetry() -> Candidate:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    provider = opentelemetry_provider()
    return candidate(
        "opentelemetry-instrumentation-asgi", OpenTelemetryMiddleware(application, tracer_provider=provider)
    )


def _prometheus() -> Candidate:
    from prometheus_client import CollectorRegistry
    from prometheus_fastapi_instrumentator.metrics import default
    from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware

    registry = CollectorRegistry()
    app = PrometheusInstrumentatorMiddleware(
        application, instrumentations=[default(registry=registry)], registry=registry
    )
    return candidate("prometheus-fastapi-instrumentator", app)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="rounds (default: 60)")
    parser.add_argument("--calls", type=int, default=500, help="requests in a round (default: 500)")
    given = parser.parse_args()
    missing: list[str] = []
    with Profiler("bench", budget=1.0) as profiler:
        ours = ProfilerMiddleware(application, profiler, loop_lag=False, gc_pauses=False)
        candidates = [candidate(BARE, application), candidate(OURS, ours), *peers(missing)]
        costs = time_interleaved(candidates, rounds=given.rounds, calls=given.calls)
        every = profiler.snapshot().cost.every
    print("| application | µs a request, median | added | over ours |\n|---|---:|---:|---:|")
    bare, added = costs[BARE].median, costs[OURS].median - costs[BARE].median
    for name, cost in costs.items():
        more = cost.median - bare
        cells = f"{more / 1000:,.2f} | {more / added:,.1f}" if name != BARE else " | "
        print(f"| {name} | {cost.median / 1000:,.2f} | {cells} |")
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
    if every != 1:
        print("error: not every request was recorded in detail: the figure would mean nothing", file=sys.stderr)
        return 1
    return int(added > TARGET_NS)


if __name__ == "__main__":
    sys.exit(main())
