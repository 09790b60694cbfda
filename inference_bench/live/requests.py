"""One request: an id that everything recorded on its behalf carries."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Self

import inference_bench._native as _native

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

_CURRENT: ContextVar[Request | None] = ContextVar("inference_bench_request", default=None)


class Nothing:
    """What an unsampled request hands out instead of spans."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


_NOTHING = Nothing()


class Request:
    """A request being served; made by ``Profiler.request``, used as a context manager.

    It follows its task and the tasks that this one starts. Code that records much asks for it once
    (``current_request()``) and keeps it: its methods look nothing up.

    Attributes:
        id: from 1, unique in this process; the ``value`` of its records.
        sampled: whether it is recorded in detail. Counters count every request.
    """

    __slots__ = ("_profiler", "_token", "id", "sampled")

    def __init__(self, profiler: Profiler, number: int, sampled: bool) -> None:
        self.id = number
        self.sampled = sampled
        self._profiler = profiler
        self._token: Token[Request | None] | None = None

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        self._profiler.begin_request(self)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._profiler.end_request(self)
        if self._token is not None:
            token, self._token = self._token, None
            try:  # noqa: SIM105 (suppress() would take as long as all the rest)
                _CURRENT.reset(token)
            except ValueError:
                # An asynchronous generator that the event loop closes is closed in another context than it began in;
                # that context ends with it, and nothing is left to restore.
                pass

    def span(self, name: str) -> _native.SpanEntry | Nothing:
        """Time a block on behalf of this request: ``with request.span("tokenize"):``."""
        if not self.sampled:
            return _NOTHING
        self._profiler.span(name)  # declares the name, so that its number stays bounded
        return _native.span(name, self.id)

    def mark(self, name: str) -> None:
        """Record an instant on behalf of this request."""
        if self.sampled:
            self._profiler.marker(name)(self.id)


def current_request() -> Request | None:
    """Return the request that this task or thread serves."""
    return _CURRENT.get()
