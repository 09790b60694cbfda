"""Load generator for a server in this process: records the planned and the actual times separately.

In an open loop each request is sent at its planned time, whether or not earlier ones are answered. Latency counts from
the planned time, so a slow server cannot hide its delay (no coordinated omission). In a closed loop each client sends
its next request when the last one is answered. ``endpoint.arrivals`` has the scenarios.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from inference_bench._native import Pacer, now_ns
from inference_bench.endpoint.answer import Answer, Piece, PieceKind
from inference_bench.endpoint.token_counts import TokensBy
from inference_bench.model.interfaces import LoadServer
from inference_bench.model.offered_load import Load, ServedLoad, ServedRequest

if TYPE_CHECKING:
    from inference_bench.endpoint.arrivals import Arrivals
    from inference_bench.model.interfaces import TextServer

T = TypeVar("T")


class InProcessLoadServer(LoadServer):
    """Sends each request of a load to a server in this process, in one event loop."""

    def __init__(self, server: TextServer) -> None:
        self._server = server
        self._runner = asyncio.Runner()

    def carry_out(self, load: Load, on_answer: Callable[[int], None] = lambda _: None) -> ServedLoad:
        """Send all requests and wait for the answers.

        Raises:
            Exception: the first exception of a request; the others are cancelled.
        """
        served = self._runner.run(send(self._server, load, on_answer))
        words = self._server.schedules
        return replace(served, notes=(f"requests scheduled by {words}",)) if words else served

    def close(self) -> None:
        """Stop the server."""
        with self._runner:
            self._runner.run(self._server.close())


async def send(server: TextServer, load: Load, on_answer: Callable[[int], None] = lambda _: None) -> ServedLoad:
    """Send all requests, wait for the answers, and return them in the order of the schedule.

    Args:
        server: answers them.
        load: what is sent.
        on_answer: called with the number of answers, after each.

    Raises:
        Exception: the first exception of a request; the others are cancelled.
    """
    prompt = server.prompt(load.input_length)
    answers = count(1)

    async def request(number: int, planned_ns: int | None = None) -> ServedRequest:
        sent_ns = now_ns()
        token_ns = []
        async for _ in server.stream(prompt, load.new_tokens):
            token_ns.append(now_ns())
        on_answer(next(answers))
        return _served(number, sent_ns if planned_ns is None else planned_ns, sent_ns, token_ns, load)

    arrivals = load.arrivals()
    if arrivals.offsets_ns is None:
        return ServedLoad(tuple(await _clients(arrivals, request)))
    return ServedLoad(tuple(await _paced(arrivals, request)))


def _served(number: int, planned_ns: int, sent_ns: int, token_ns: list[int], load: Load) -> ServedRequest:
    answer = Answer(
        request=number,
        planned_ns=planned_ns,
        sent_ns=sent_ns,
        written_ns=sent_ns,
        connect_ns=0,
        tls_ns=0,
        first_byte_ns=token_ns[0] if token_ns else sent_ns,
        ended_ns=token_ns[-1] if token_ns else sent_ns,
        status=0,
        done=True,
        pieces=tuple(Piece(ns, ns, PieceKind.CONTENT, 1, False) for ns in token_ns),
        tokens_by=TokensBy.TOKEN_IDS,
        prompt_tokens=load.input_length,
        completion_tokens=len(token_ns),
    )
    return ServedRequest(answer, load.new_tokens, load.input_length)


async def _paced(arrivals: Arrivals, request: Callable[[int, int], Awaitable[ServedRequest]]) -> list[ServedRequest]:
    """Send each request at its planned time, by the native pacer."""
    loop = asyncio.get_running_loop()
    sent: list[asyncio.Task[ServedRequest]] = []
    all_sent = asyncio.Event()
    assert arrivals.offsets_ns is not None
    pacer = Pacer.trace(arrivals.offsets_ns)
    schedule = pacer.schedule()

    def send_due() -> None:
        for index in pacer.take():
            assert pacer.start_ns is not None
            sent.append(asyncio.ensure_future(request(index, pacer.start_ns + schedule[index])))
        if pacer.done:
            all_sent.set()

    with pacer:
        descriptor = pacer.open_eventfd()
        loop.add_reader(descriptor, send_due)
        try:
            await all_sent.wait()
        finally:
            loop.remove_reader(descriptor)
    return await _all(sent)


async def _clients(arrivals: Arrivals, request: Callable[[int], Awaitable[ServedRequest]]) -> list[ServedRequest]:
    numbers = iter(range(arrivals.requests))

    async def client() -> list[ServedRequest]:
        return [await request(number) for number in numbers]

    answers = await _all(client() for _ in range(arrivals.concurrency))
    return sorted((served for client in answers for served in client), key=lambda served: served.answer.request)


async def _all(waiting: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all; if one fails, cancel the others."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
