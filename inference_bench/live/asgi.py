"""Measure an ASGI application (Starlette, FastAPI …) from a request's first byte to its response's last."""

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
    ``loop_lag`` and ``gc_pause`` of the process. The route is the matched pattern, never the path, so that clients
    cannot make series. Times are taken when the application hands a piece to the server.

    Args:
        app: the application.
        profiler: holds the series.
        loop_lag: also measure the event loop.
        gc_pauses: also measure the garbage collector.
    """

    def __init__(self, app: App, profiler: Profiler, *, loop_lag: bool = True, gc_pauses: bool = True) -> None:
        self._app = app
        self._profiler = profiler
        self._series = HttpSeries(profiler.book)
        self._loop_lag = LoopLag(profiler) if loop_lag else None
        self._gc_pauses = GcPauses(profiler) if gc_pauses else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes than HTTP pass unmeasured."""
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
    """An exchange that records the response as the application sends it.

    Attributes:
        forward: the server's ``send``; assigned after construction, because another constructor would cost 5 %.
    """

    __slots__ = ("forward",)
    forward: Send

    def send(self, message: Message) -> Awaitable[None]:
        """Record the message and forward it; the result is the server's awaitable, so no coroutine is added."""
        if message["type"] == "http.response.body":
            body = message.get("body")
            if body:
                self.note_piece(len(body))
        elif message["type"] == "http.response.start":
            self.status = message["status"]
        return self.forward(message)


def _route(scope: Scope) -> str:
    """Return the matched pattern of the router, or the endpoint's name."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if isinstance(path, str):
        return path
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__qualname__", None) or "(unmatched)"
