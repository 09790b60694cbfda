"""One request: all records made for it carry its id."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Self

import inference_bench._native as _native

if TYPE_CHECKING:
    from inference_bench.live.series_book import SeriesBook

_CURRENT: ContextVar[Request | None] = ContextVar("inference_bench_request", default=None)


class Nothing:
    """Context manager that an unsampled request returns instead of spans."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


_NOTHING = Nothing()


class RequestSeries:
    """The series that all requests of one profiler share."""

    __slots__ = ("count", "in_flight", "marks", "sampled_count", "span", "spans")

    def __init__(self, book: SeriesBook) -> None:
        self.spans, self.marks = book.spans, book.marks
        self.span = book.spans.get("request")
        self.count = book.counter("requests")
        self.sampled_count = book.counter("requests_sampled")
        self.in_flight = book.gauge("requests_in_flight")


class Request:
    """A request being served; made by ``Profiler.request``, used as a context manager.

    It follows its task and the tasks that this one starts. Code that records much keeps the result of
    ``current_request()``, which saves a look-up per record.

    Attributes:
        id: from 1, unique in this process; the ``value`` of its records.
        sampled: whether it is recorded in detail. Counters count every request.
    """

    __slots__ = ("_in_flight", "_series", "_token", "id", "sampled")

    def __init__(self, series: RequestSeries, number: int, sampled: bool) -> None:
        self.id = number
        self.sampled = sampled
        self._series = series
        self._in_flight = False
        self._token: Token[Request | None] | None = None

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        self._in_flight = True
        series = self._series
        series.count.inc()
        series.in_flight.inc()
        if self.sampled:
            series.sampled_count.inc()
            series.span.begin(self.id)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()
        if self._token is not None:
            token, self._token = self._token, None
            try:  # noqa: SIM105 (suppress() would take as long as all the rest)
                _CURRENT.reset(token)
            except ValueError:
                # The event loop closes an abandoned asynchronous generator in another context than it began in;
                # that context ends with it, so nothing has to be restored.
                pass

    def end(self) -> None:
        """End the request before its block does, as where its answer is sent and a background task follows."""
        if not self._in_flight:
            return
        self._in_flight = False
        series = self._series
        series.in_flight.dec()
        if self.sampled:
            series.span.end(self.id)

    def span(self, name: str) -> _native.SpanEntry | Nothing:
        """Time a block of this request: ``with request.span("tokenize"):``."""
        if not self.sampled:
            return _NOTHING
        self._series.spans.get(name)  # declares the name, so that its number stays bounded
        return _native.span(name, self.id)

    def mark(self, name: str) -> None:
        """Record an instant of this request."""
        if self.sampled:
            self._series.marks.get(name)(self.id)


def current_request() -> Request | None:
    """Return the request that this task or thread serves."""
    return _CURRENT.get()
