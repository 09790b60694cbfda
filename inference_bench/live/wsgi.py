"""Measure a WSGI application (Flask, Django …) from the call to its response's last byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.live.exchange import Exchange, Excluded, HttpSeries

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from inference_bench.live.profiler import Profiler
    from inference_bench.live.requests import Request

_ROUTE = "(wsgi)"
"""WSGI does not know routes, and with paths as labels clients could make series."""


class WsgiMiddleware:
    """WSGI middleware with the series of ``ProfilerMiddleware``: ``app.wsgi_app = WsgiMiddleware(app.wsgi_app, p)``.

    Args:
        app: the application.
        profiler: holds the series.
        exclude: paths that are served unmeasured, such as ``("/metrics",)``; each with all below it.

    Raises:
        InvalidValueError: an excluded path does not begin with a slash.
    """

    def __init__(self, app: WSGIApplication, profiler: Profiler, *, exclude: Sequence[str] = ()) -> None:
        self._app = app
        self._profiler = profiler
        self._series = HttpSeries(profiler.book)
        self._excluded = Excluded(exclude) if exclude else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request, and return the body, which the server iterates over and closes."""
        if self._excluded is not None and self._excluded.holds(environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        body = _Body(self._profiler.request(), self._series, environ.get("REQUEST_METHOD", ""))

        def start(
            status: str, headers: list[tuple[str, str]], *exc_info: OptExcInfo | None
        ) -> Callable[[bytes], object]:
            body.exchange.status = int(status.split(" ", 1)[0])
            return start_response(status, headers, *exc_info)

        try:
            body.inner = self._app(environ, start)
        except BaseException:
            body.close()
            raise
        return body


class _Body:
    """A response's body; the server calls ``close`` in every case (PEP 3333)."""

    def __init__(self, request: Request, series: HttpSeries, method: str) -> None:
        self.inner: Iterable[bytes] = ()
        self._request = request
        self._series = series
        self._method = method
        self._closed = False
        request.__enter__()
        self.exchange = Exchange(request)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.inner:
            if piece:
                self.exchange.note_piece(len(piece))
            yield piece
        self._end()

    def close(self) -> None:
        """Close the application's body; what it does then comes after the response."""
        if self._closed:
            return
        self._closed = True
        self._end()
        try:
            close = getattr(self.inner, "close", None)
            if close is not None:
                close()
        finally:
            self._request.__exit__(None, None, None)

    def _end(self) -> None:
        if not self.exchange.ended:
            self.exchange.end(self._series.of(_ROUTE, self._method, self.exchange.status))
