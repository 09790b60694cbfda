"""The series of HTTP responses, by route, method and status."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.live.series import make_key

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
OTHER = "(other)"
"""The label of what would be one series too many, and of methods that HTTP does not know."""


class ResponseSeries:
    """The series of one route, method and status."""

    __slots__ = ("_key", "_profiler", "bytes", "first_byte", "gap", "request", "responses")

    def __init__(self, profiler: Profiler, route: str, method: str, status: str) -> None:
        labels = {"route": route, "method": method, "status": status}
        self.responses = profiler.counter("http_responses", **labels)
        self.bytes = profiler.counter("http_response_bytes", **labels)
        self.request = profiler.histogram("http_request", **labels)
        self.first_byte = profiler.histogram("http_first_byte", **labels)
        self.gap = profiler.histogram("http_gap", **labels)
        self._profiler = profiler
        self._key = make_key("http_request", labels)

    def set_exemplar(self, request_id: int, value_ns: int) -> None:
        """Remember which request took how long."""
        self._profiler.set_exemplar(self._key, request_id, value_ns, time.time_ns())


class HttpSeries:
    """Finds the series of a response; those beyond the profiler's limit share one."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self._others = ResponseSeries(profiler, OTHER, OTHER, OTHER)
        self._found: dict[tuple[str, str, int], ResponseSeries] = {}

    def of(self, route: str, method: str, status: int) -> ResponseSeries:
        """Return the series, made when first asked for."""
        found = self._found.get((route, method, status))
        return self._make(route, method, status) if found is None else found

    def _make(self, route: str, method: str, status: int) -> ResponseSeries:
        if method not in _METHODS or not 100 <= status <= 599:
            return self._others  # not remembered: a client may send any number of them
        try:
            made = ResponseSeries(self._profiler, route, method, str(status))
        except InvalidValueError:
            return self._others
        self._found[route, method, status] = made
        return made
