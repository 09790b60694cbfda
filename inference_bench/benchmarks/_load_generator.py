"""Load generator: sends requests to a server by a scenario and records scheduled and actual times separately.

In an open loop (``poisson``, ``constant``) each request is sent at its scheduled time, whether or not earlier ones are
answered. Latency counts from the scheduled time, so a slow server cannot hide its delay (no coordinated omission). In
a closed loop (``single_stream``, ``concurrent``) each client sends its next request when the last one is answered.
``offline`` sends all requests at once. The scenarios are those of MLPerf Inference (single stream, server, offline)
and of common load generators.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from inference_bench._native import Pacer, now_ns
from inference_bench.model.interfaces import TextServer

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

OPEN = ("poisson", "constant")
SCENARIOS = ("single_stream", "concurrent", *OPEN, "offline")


@dataclass(slots=True)
class Served:
    """The times of one request, on the clock of ``now_ns``.

    Attributes:
        scheduled_ns: when it should be sent.
        dispatched_ns: when it was sent.
        token_ns: when each token arrived.
    """

    scheduled_ns: int
    dispatched_ns: int
    token_ns: list[int] = field(default_factory=list)

    @property
    def lag_ns(self) -> int:
        """Time from schedule to dispatch."""
        return self.dispatched_ns - self.scheduled_ns

    @property
    def latency_ns(self) -> int:
        """Time from schedule to the last token."""
        return self.token_ns[-1] - self.scheduled_ns


@dataclass(frozen=True, slots=True)
class Load:
    """The load on a server.

    Attributes:
        scenario: one of ``SCENARIOS``.
        requests: number of requests.
        input_length: tokens per prompt.
        new_tokens: tokens to generate per request.
        rate: requests per second, for an open loop.
        concurrency: number of clients, for ``concurrent``.
        seed: seed of the schedule.
    """

    scenario: str
    requests: int
    input_length: int
    new_tokens: int
    rate: float = 1.0
    concurrency: int = 1
    seed: int = 0


async def send(server: TextServer, load: Load, on_answer: Callable[[int], None] = lambda _: None) -> list[Served]:
    """Send all requests, wait for the answers, and return them in schedule order.

    Args:
        server: answers them.
        load: what is sent.
        on_answer: called with the number of answers, after each.

    Raises:
        Exception: the first exception of a request; the others are cancelled.
    """
    prompt = server.prompt(load.input_length)
    answers = count(1)

    async def request(scheduled_ns: int | None = None) -> Served:
        dispatched_ns = now_ns()
        served = Served(dispatched_ns if scheduled_ns is None else scheduled_ns, dispatched_ns)
        async for _ in server.stream(prompt, load.new_tokens):
            served.token_ns.append(now_ns())
        on_answer(next(answers))
        return served

    if load.scenario == "poisson":
        return await _paced(Pacer.poisson(load.rate, load.requests, seed=load.seed), request)
    if load.scenario == "constant":
        return await _paced(Pacer.constant(load.rate, load.requests), request)
    if load.scenario == "offline":
        began_ns = now_ns()
        return await _all(request(began_ns) for _ in range(load.requests))
    return await _clients(load.concurrency if load.scenario == "concurrent" else 1, load.requests, request)


async def _paced(pacer: Pacer, request: Callable[[int], Awaitable[Served]]) -> list[Served]:
    """Send each request at its scheduled time, by the native pacer."""
    import asyncio

    loop = asyncio.get_running_loop()
    sent: list[asyncio.Task[Served]] = []
    all_sent = asyncio.Event()
    schedule = pacer.schedule()

    def send_due() -> None:
        for index in pacer.take():
            assert pacer.start_ns is not None
            sent.append(asyncio.ensure_future(request(pacer.start_ns + schedule[index])))
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


async def _clients(clients: int, requests: int, request: Callable[[], Awaitable[Served]]) -> list[Served]:
    left = requests

    async def client() -> list[Served]:
        nonlocal left
        served = []
        while left > 0:
            left -= 1
            served.append(await request())
        return served

    answers = await _all(client() for _ in range(clients))
    return sorted((served for client in answers for served in client), key=lambda served: served.scheduled_ns)


async def _all(waiting: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all; if one fails, cancel the others."""
    import asyncio

    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
