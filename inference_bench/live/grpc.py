"""Measure a gRPC server (``grpc.aio``) from a call's arrival to its last message (extra ``grpc``)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from inference_bench.errors import InvalidValueError
from inference_bench.extras import needed_by
from inference_bench.live.exchange import OTHER, Exchange, ExchangeSeries

with needed_by("inference_bench.live.grpc"):
    import grpc

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler


class CallDetails(Protocol):
    """``grpc.HandlerCallDetails``."""

    method: str


class ServicerContext(Protocol):
    """``grpc.aio.ServicerContext``."""

    def code(self) -> object:
        """Return the status that the handler set: a ``grpc.StatusCode`` or its number."""


class MethodHandler(Protocol):
    """``grpc.RpcMethodHandler``."""

    request_streaming: bool
    response_streaming: bool
    request_deserializer: Callable[[bytes], object] | None
    response_serializer: Callable[[object], bytes] | None


Call = Callable[[object, ServicerContext], Awaitable[object]]
Stream = Callable[[object, ServicerContext], AsyncIterator[object]]


class ProfilerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Server interceptor: ``grpc.aio.server(interceptors=[ProfilerInterceptor(profiler)])``.

    Histograms ``grpc_request``, ``grpc_first_message`` and ``grpc_gap`` (between the messages of a stream), counters
    ``grpc_responses`` and ``grpc_response_messages``, by method and status code. Only methods that the server has make
    series; names that clients invent do not. Coroutine functions and asynchronous generators are measured, other
    handlers are not; a handler that streams by ``context.write`` is measured as a whole, not message by message.

    Args:
        profiler: holds the series.
        exclude: methods that are served unmeasured, such as ``("/grpc.health.v1.Health/Check",)``.
    """

    def __init__(self, profiler: Profiler, *, exclude: Collection[str] = ()) -> None:
        self._profiler = profiler
        self._excluded = frozenset(exclude)
        self._others = self._new(OTHER, OTHER)
        profiler.book.keep_spare(_labels(OTHER, OTHER))
        self._found: dict[tuple[str, str], ExchangeSeries] = {}

    async def intercept_service(
        self, continuation: Callable[[CallDetails], Awaitable[MethodHandler | None]], details: CallDetails
    ) -> MethodHandler | None:
        """Return the method's handler, measured."""
        handler = await continuation(details)
        if handler is None or details.method in self._excluded:
            return handler
        kind = "_".join("stream" if is_stream else "unary" for is_stream in _directions(handler))
        behaviour = getattr(handler, kind)
        measured: Call | Stream
        if inspect.isasyncgenfunction(behaviour):
            measured = self._stream(behaviour, details.method)
        elif inspect.iscoroutinefunction(behaviour):
            measured = self._call(behaviour, details.method, returns_message=not handler.response_streaming)
        else:
            return handler
        make: Callable[..., MethodHandler] = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(measured, handler.request_deserializer, handler.response_serializer)

    def _call(self, behaviour: Call, method: str, *, returns_message: bool) -> Call:
        async def measured(request: object, context: ServicerContext) -> object:
            with self._measuring(method, context) as exchange:
                response = await behaviour(request, context)
                if returns_message:
                    exchange.note_piece(1)
                return response

        return measured

    def _stream(self, behaviour: Stream, method: str) -> Stream:
        async def measured(request: object, context: ServicerContext) -> AsyncIterator[object]:
            with self._measuring(method, context) as exchange:
                async for message in behaviour(request, context):
                    exchange.note_piece(1)
                    yield message

        return measured

    @contextmanager
    def _measuring(self, method: str, context: ServicerContext) -> Iterator[Exchange]:
        with self._profiler.request() as request:
            exchange, end = Exchange(request), "UNKNOWN"
            try:
                yield exchange
                end = "OK"
            except (asyncio.CancelledError, GeneratorExit):
                end = "CANCELLED"
                raise
            finally:
                exchange.end(self._of(method, _code(context) or end))

    def _of(self, method: str, code: str) -> ExchangeSeries:
        found = self._found.get((method, code))
        if found is None:
            try:
                found = self._new(method, code)
            except InvalidValueError:
                return self._others  # not kept: a generic handler answers any number of methods
            self._found[method, code] = found
        return found

    def _new(self, method: str, code: str) -> ExchangeSeries:
        return ExchangeSeries(self._profiler.book, "grpc", "messages", _labels(method, code))


def _labels(method: str, code: str) -> dict[str, str]:
    return {"method": method, "code": code}


def _directions(handler: MethodHandler) -> tuple[bool, bool]:
    return handler.request_streaming, handler.response_streaming


def _code(context: ServicerContext) -> str:
    """Return the name of the status that the handler set; empty if none."""
    given = context.code()
    for code in grpc.StatusCode:
        number = code.value[0]
        if number and given in (code, number):
            return str(code.name)
    return ""
