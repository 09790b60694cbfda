"""Measure one request and its response in a server, into the series of its route or method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference_bench._native import now_ns
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from inference_bench.live.requests import Request
    from inference_bench.live.series_book import SeriesBook

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_MOST_GAPS = 65_536
"""Limit of gaps kept per response, so that an endless stream cannot fill the memory."""

OTHER = "(other)"
"""Label value for responses beyond the limit of series, and for unknown HTTP methods."""


class ExchangeSeries:
    """The series of all exchanges with the same labels.

    Args:
        book: holds the series.
        protocol: prefix of their names, ``http`` or ``grpc``.
        pieces: unit of a response, ``bytes`` or ``messages``.
        labels: labels of the series.

    Raises:
        InvalidValueError: the limit of series is reached.
    """

    __slots__ = ("first_piece", "gap", "last", "request", "responses", "volume")

    def __init__(self, book: SeriesBook, protocol: str, pieces: str, labels: dict[str, str]) -> None:
        first = "byte" if pieces == "bytes" else "message"
        self.responses = book.counter(f"{protocol}_responses", labels)
        self.volume = book.counter(f"{protocol}_response_{pieces}", labels)
        self.request = book.histogram(f"{protocol}_request", labels)
        self.first_piece = book.histogram(f"{protocol}_first_{first}", labels)
        self.gap = book.histogram(f"{protocol}_gap", labels)
        self.last = book.last_seen(f"{protocol}_request", labels)


class Exchange:
    """Times of one request and its response.

    Attributes:
        status: HTTP status; 500 until the response begins, as servers answer if the application raises before that.
        ended: whether it was observed.
    """

    __slots__ = ("_begin_ns", "_first_ns", "_gaps", "_last_ns", "_request", "_volume", "ended", "status")

    def __init__(self, request: Request) -> None:
        self.status = 500
        self.ended = False
        self._request = request
        self._volume = self._first_ns = self._last_ns = 0
        self._gaps: list[int] | None = None
        self._begin_ns = now_ns()

    def note_piece(self, volume: int) -> None:
        """Record that the application handed a piece to the server; ``volume`` is in bytes or messages."""
        time_ns = now_ns()
        self._volume += volume
        if not self._first_ns:
            self._first_ns = time_ns
        elif self._gaps is None:
            self._gaps = [time_ns - self._last_ns]
        elif len(self._gaps) < _MOST_GAPS:
            self._gaps.append(time_ns - self._last_ns)
        self._last_ns = time_ns

    def end(self, series: ExchangeSeries) -> None:
        """End the request, and observe it in its series, which are known once the route and status are."""
        took_ns = now_ns() - self._begin_ns
        self.ended = True
        self._request.end()
        series.responses.inc()
        series.volume.add(self._volume)
        if not self._request.sampled:
            return
        series.request.observe_ns(took_ns)
        if self._first_ns:
            series.first_piece.observe_ns(self._first_ns - self._begin_ns)
        if self._gaps is not None:
            for gap_ns in self._gaps:
                series.gap.observe_ns(gap_ns)
        series.last.seen = (self._request.id, took_ns, time.time_ns())


class Excluded:
    """Paths that are served unmeasured, each with all below it.

    Raises:
        InvalidValueError: a path does not begin with a slash.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        if isinstance(paths, str) or not all(path.startswith("/") and path.strip("/") for path in paths):
            raise InvalidValueError("exclude", paths, 'paths that begin with a slash, such as ("/metrics", "/profile")')
        self._paths = tuple(path.rstrip("/") for path in paths)

    def holds(self, path: str, root: str = "") -> bool:
        """Return whether the path, without the server's root, is one of them or below one."""
        if root and path.startswith(root):
            path = path[len(root) :]
        if not path.startswith(self._paths):
            return False
        return any(path == each or path.startswith(f"{each}/") for each in self._paths)


class HttpSeries:
    """Finds the series of a response; responses beyond the limit share one."""

    def __init__(self, book: SeriesBook) -> None:
        self._book = book
        self._others = self._new(OTHER, OTHER, OTHER)
        book.keep_spare(_labels(OTHER, OTHER, OTHER))
        self._found: dict[tuple[str, str, object], ExchangeSeries] = {}

    def of(self, route: str, method: str, status: object) -> ExchangeSeries:
        """Return the series, which are made when first asked for."""
        try:
            found = self._found.get((route, method, status))
        except TypeError:  # a status that no server sends; the request must not fail by it
            return self._others
        return self._make(route, method, status) if found is None else found

    def _make(self, route: str, method: str, status: object) -> ExchangeSeries:
        if method not in _METHODS or not isinstance(status, int) or not 100 <= status <= 599:
            return self._others  # not kept: clients may send any number of them
        try:
            made = self._new(route, method, str(status))
        except InvalidValueError:
            return self._others
        self._found[route, method, status] = made
        return made

    def _new(self, route: str, method: str, status: str) -> ExchangeSeries:
        return ExchangeSeries(self._book, "http", "bytes", _labels(route, method, status))


def _labels(route: str, method: str, status: str) -> dict[str, str]:
    return {"route": route, "method": method, "status": status}
