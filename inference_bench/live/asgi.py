"""Measure an ASGI application (Starlette, FastAPI …) from a request's first byte to its response's last."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.live.exchange import Exchange, Excluded, HttpSeries
from inference_bench.live.gc_pauses import GcPauses
from inference_bench.live.loop_lag import LoopLag
from inference_bench.live.request_stages import FIRST_PIECE, LAST_PIECE
from inference_bench.live.routes import Routes
from inference_bench.server_stages import ASKING_HEADER, ID_HEADER

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ASKING, _ID = ASKING_HEADER.encode(), ID_HEADER.encode()


class ProfilerMiddleware:
    """Raw ASGI middleware: ``app.add_middleware(ProfilerMiddleware, profiler=profiler)``.

    Histograms ``http_request`` (to the last byte), ``http_first_byte`` and ``http_gap`` (between the pieces of a
    streamed body), counters ``http_responses`` and ``http_response_bytes``, all by route, method and status; and
    ``loop_lag`` and ``gc_pause`` of the process. The route is the matched pattern with its mounts, never the path, so
    that clients cannot make series. Times are taken when the application hands a piece to the server; background tasks
    come after the last one and do not count.

    A request with the header ``x-inference-bench`` is answered with ``x-inference-bench-request``: the number under
    which ``RequestsEndpoint`` tells its stages.

    Args:
        app: the application.
        profiler: holds the series.
        exclude: paths that are served unmeasured, such as ``("/metrics", "/profile")``; each with all below it.
        loop_lag: also measure the event loop.
        gc_pauses: also measure the garbage collector.

    Raises:
        InvalidValueError: an excluded path does not begin with a slash.
    """

    def __init__(
        self,
        app: App,
        profiler: Profiler,
        *,
        exclude: Sequence[str] = (),
        loop_lag: bool = True,
        gc_pauses: bool = True,
    ) -> None:
        self._app = app
        self._profiler = profiler
        self._series = HttpSeries(profiler.book)
        self._excluded = Excluded(exclude) if exclude else None
        self._routes: Routes | None = None
        self._loop_lag = LoopLag(profiler) if loop_lag else None
        self._gc_pauses = GcPauses(profiler) if gc_pauses else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes than HTTP pass unmeasured."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                self._watch_process()
            await self._app(scope, receive, send)
            return
        if self._excluded is not None and self._excluded.holds(scope["path"], scope.get("root_path", "")):
            await self._app(scope, receive, send)
            return
        if self._loop_lag is not None and self._loop_lag.loop is not get_running_loop():
            self._watch_process()
        routes = self._routes or self._find_routes(scope)
        with self._profiler.request() as request:
            exchange = _JoinedExchange(request) if _is_asking(scope) else _Exchange(request)
            exchange.forward, exchange.series, exchange.routes = send, self._series, routes
            exchange.scope, exchange.base = scope, scope.get("root_path", "")
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                exchange.finish()  # does nothing after the last piece

    def _find_routes(self, scope: Scope) -> Routes:
        self._routes = Routes(self._app)
        self._routes.root(scope)
        return self._routes

    def _watch_process(self) -> None:
        if self._loop_lag is not None:
            self._loop_lag.start()
        if self._gc_pauses is not None:
            self._gc_pauses.start()


class _Exchange(Exchange):
    """An exchange that records the response as the application sends it.

    Attributes:
        forward: the server's ``send``; assigned after construction, like the others, because another constructor would
            cost 5 %.
        scope: the request's scope, which holds the route as soon as there is a response.
        base: its ``root_path`` before the application was called.
        routes: finds the route's pattern.
        series: finds the series of the response.
    """

    __slots__ = ("base", "forward", "routes", "scope", "series")
    forward: Send
    scope: Scope
    base: str
    routes: Routes
    series: HttpSeries

    def send(self, message: Message) -> Awaitable[None]:
        """Record the message and forward it; the result is the server's awaitable, so no coroutine is added."""
        if message.get("more_body"):  # asked first: a streamed piece needs no other question
            body = message.get("body")
            if body:
                self.note_piece(len(body))
        elif message["type"] == "http.response.body":
            body = message.get("body")
            if body:
                self.note_piece(len(body))
            self.finish()
        elif message["type"] == "http.response.start":
            self.status = message["status"]
        return self.forward(message)

    def finish(self) -> None:
        """End the request, once: with its last piece, or with the application's call if that never came."""
        if self.ended:
            return
        scope = self.scope
        self.end(self.series.of(self.routes.of(scope, self.base), scope["method"], self.status))


class _JoinedExchange(_Exchange):
    """An exchange whose client measures too: the response says the request's number, and its pieces are marked."""

    __slots__ = ()

    def send(self, message: Message) -> Awaitable[None]:
        """Add the number, or mark the piece; then record and forward it as for all requests."""
        if message["type"] == "http.response.start":
            number = (_ID, b"%d" % self._request.id)
            return _Exchange.send(self, {**message, "headers": [*message.get("headers", ()), number]})
        if message["type"] == "http.response.body":
            if message.get("body") and not self._first_ns:
                self._request.mark(FIRST_PIECE)
            if not message.get("more_body"):
                self._request.mark(LAST_PIECE)
        return _Exchange.send(self, message)


def _is_asking(scope: Scope) -> bool:
    """Return whether the client asks for the request's number. A loop, because a set of all names would cost more."""
    for name, _ in scope["headers"]:  # noqa: SIM110 (a generator would cost more too)
        if name == _ASKING:
            return True
    return False
