"""Measuring an ASGI application (Starlette, FastAPI …) from a request's first byte to its response's last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from inference_bench.live.exchange import Exchange, HttpSeries
from inference_bench.live.gc_pauses import GcPauses
from inference_bench.live.loop_lag import LoopLag

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProfilerMiddleware:
    """Raw ASGI middleware: ``app.add_middleware(ProfilerMiddleware, profiler=profiler)``.

    Histograms ``http_request`` (to the last byte), ``http_first_byte`` and ``http_gap`` (between the pieces of a
    streamed body), counters ``http_responses`` and ``http_response_bytes``, all by route, method and status; and
    ``loop_lag`` and ``gc_pause`` of the process. The route is the pattern that matched, never the path: what clients
    send makes no series. Times are taken when the application hands a piece to the server.

    Args:
        app: the application.
        profiler: where the series go.
        loop_lag: measure the event loop, too.
        gc_pauses: measure the garbage collector, too.
    """

    def __init__(self, app: App, profiler: Profiler, *, loop_lag: bool = True, gc_pauses: bool = True) -> None:
        self._app = app
        self._profiler = profiler
        self._series = HttpSeries(profiler.book)
        self._loop_lag = LoopLag(profiler) if loop_lag else None
        self._gc_pauses = GcPauses(profiler) if gc_pauses else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is no HTTP passes through."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                self._watch_process()
            await self._app(scope, receive, send)
            return
        if self._loop_lag is not None and not self._loop_lag.running:
            self._watch_process()
        with self._profiler.request() as request:
            exchange = _Exchange(request)
            exchange.forward = send
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                exchange.end(self._series.of(_route(scope), scope["method"], exchange.status))

    def _watch_process(self) -> None:
        if self._loop_lag is not None:
            self._loop_lag.start()
        if self._gc_pauses is not None:
            self._gc_pauses.start()


class _Exchange(Exchange):
    """Looks on as the application sends its response.

    Attributes:
        forward: the server's own ``send``; set by whoever makes this, since a constructor of its own would cost 5 %.
    """

    __slots__ = ("forward",)
    forward: Send

    def send(self, message: Message) -> Awaitable[None]:
        """Take note, and hand on. No coroutine of its own: the caller awaits the server's."""
        if message["type"] == "http.response.body":
            body = message.get("body")
            if body:
                self.note_piece(len(body))
        elif message["type"] == "http.response.start":
            self.status = message["status"]
        return self.forward(message)


def _route(scope: Scope) -> str:
    """Return the pattern that the router matched, or the endpoint's name."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if isinstance(path, str):
        return path
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__qualname__", None) or "(unmatched)"
