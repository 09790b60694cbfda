"""Measuring an ASGI application (Starlette, FastAPI …) from a request's first byte to its response's last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from inference_bench import _native
from inference_bench.live.gc_pauses import GcPauses
from inference_bench.live.http_series import HttpSeries, ResponseSeries
from inference_bench.live.loop_lag import LoopLag

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler
    from inference_bench.live.requests import Request

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
        self._series = HttpSeries(profiler)
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
        begin_ns = _native.now_ns()
        with self._profiler.request() as request:
            exchange = _Exchange(request, send)
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                series = self._series.of(_route(scope), scope["method"], exchange.status)
                exchange.finish(series, begin_ns, _native.now_ns())

    def _watch_process(self) -> None:
        if self._loop_lag is not None:
            self._loop_lag.start()
        if self._gc_pauses is not None:
            self._gc_pauses.start()


class _Exchange:
    """What is seen of one response as it passes."""

    __slots__ = ("_bytes", "_first_ns", "_gaps", "_last_ns", "_request", "_send", "status")

    def __init__(self, request: Request, send: Send) -> None:
        self.status = 500  # what the server answers if the application raises before it has begun
        self._request = request
        self._send = send
        self._bytes = self._first_ns = self._last_ns = 0
        self._gaps: list[int] | None = None

    def send(self, message: Message) -> Awaitable[None]:
        """Take note, and hand on. No coroutine of its own: the caller awaits the server's."""
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if body:
                self._bytes += len(body)
                self._note_piece(_native.now_ns())
        elif message["type"] == "http.response.start":
            self.status = message["status"]
        return self._send(message)

    def _note_piece(self, now_ns: int) -> None:
        if not self._first_ns:
            self._first_ns = now_ns
        elif self._gaps is None:
            self._gaps = [now_ns - self._last_ns]
        elif len(self._gaps) < _MOST_GAPS:
            self._gaps.append(now_ns - self._last_ns)
        self._last_ns = now_ns

    def finish(self, series: ResponseSeries, begin_ns: int, end_ns: int) -> None:
        """Observe the exchange; its route is known only now."""
        series.responses.inc()
        series.bytes.add(self._bytes)
        if not self._request.sampled:
            return
        series.request.observe_ns(end_ns - begin_ns)
        if self._first_ns:
            series.first_byte.observe_ns(self._first_ns - begin_ns)
        for gap_ns in self._gaps or ():
            series.gap.observe_ns(gap_ns)
        series.set_exemplar(self._request.id, end_ns - begin_ns)


_MOST_GAPS = 65_536
"""Pieces of one response whose gaps are kept: an endless stream must not fill the memory."""


def _route(scope: Scope) -> str:
    """Return the pattern that the router matched, or the endpoint's name."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if isinstance(path, str):
        return path
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__qualname__", None) or "(unmatched)"
