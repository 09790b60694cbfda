"""Snapshots for ``watch`` over HTTP, from an endpoint that the application mounts."""

from __future__ import annotations

from inference_bench.live.private_endpoint import PrivateEndpoint
from inference_bench.live.watch_encoding import encode


class WatchEndpoint(PrivateEndpoint):
    """An ASGI application that answers GET with a snapshot: ``app.mount("/profile", WatchEndpoint(profiler))``.

    ``PrivateEndpoint`` says whom it answers, and what ``token`` is.
    """

    def answer(self, query: str) -> tuple[int, bytes]:
        """Return a snapshot, whatever the query."""
        return 200, encode(self._profiler.snapshot())
