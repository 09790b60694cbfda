"""Carries out loads on an endpoint: the native transport sends and stamps, the answers are read afterwards."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from inference_bench._native import HttpLoad
from inference_bench.endpoint.accepted_fields import refused_fields
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import Answer, answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.contract import kept
from inference_bench.endpoint.join import HEADERS
from inference_bench.endpoint.key import Key
from inference_bench.endpoint.null_server import NullServer
from inference_bench.endpoint.prefix_cache import PrefixCache
from inference_bench.endpoint.probe import ServerFacts
from inference_bench.endpoint.prompt_tokens import PromptMaker
from inference_bench.endpoint.received import integers
from inference_bench.endpoint.replay import replayed
from inference_bench.endpoint.traces import Trace, read_trace
from inference_bench.endpoint.workload import Workload, sized
from inference_bench.errors import EndpointError, InvalidValueError
from inference_bench.model.endpoint.client_limits import MOST_CONNECTIONS, client_account
from inference_bench.model.endpoint.prompt_source import prompt_maker
from inference_bench.model.endpoint.server_join import with_both_sides
from inference_bench.model.endpoint.server_side import scraped, server_account
from inference_bench.model.interfaces import LoadServer
from inference_bench.model.offered_load import Floor, Load, ServedLoad, ServedRequest
from inference_bench.units import NS_PER_S

_LOOK_S = 0.2
"""Time between two looks at how many requests have ended."""


class _Sent(NamedTuple):
    """A load that has ended: what the transport received, what was sent, and the header ``X-Request-Id`` of each."""

    http: HttpLoad
    workload: Workload
    ids: Sequence[str]


class HttpLoadServer(LoadServer):
    """The client of one model of one server.

    Args:
        address: of the endpoint.
        facts: what the server is.
        key: sent with each request, or None.
        dialect: which of the two interfaces.
    """

    def __init__(self, address: Address, facts: ServerFacts, key: Key | None, dialect: Dialect = Dialect.CHAT) -> None:
        self._address = address
        self._facts = facts
        self._key = key
        self._dialect = dialect
        self._client = Client(address, key)
        self._sent: Workload | None = None

    @cached_property
    def _prompts(self) -> PromptMaker:
        return prompt_maker(self._client, self._facts, self._dialect)

    @cached_property
    def _refused(self) -> frozenset[str]:
        return refused_fields(self._client, self._dialect, self._facts.model)

    def carry_out(self, load: Load, on_answer: Callable[[int], None] = lambda _: None) -> ServedLoad:
        """Send all requests at their planned instants and return what became of each.

        Raises:
            EndpointError: the host has no address, or the server refuses every form of request.
            InvalidValueError: a length or a number of the load that cannot be.
        """
        self._sent = promised(self._workload(load))
        with scraped(self._client, self._facts, load) as metrics:
            sent = self._send(self._sent, self._address, self._key, load.timeout_s, on_answer)
        served = with_both_sides(self._client.at(self._address.root), sent.http, self._served(sent))
        said = server_account(metrics)
        return replace(served, notes=(*served.notes, *said.notes), server_readings=said.readings)

    def floor(self, load: Load, served: ServedLoad) -> Floor | None:
        """Send the requests of the last load, at the same instants, to a null server in a process of its own."""
        if self._sent is None:
            return None
        gap_ns = _median_gap_ns(served)
        tokens = [asked.new_tokens for asked in self._sent.requests]
        prompts = [asked.prompt_tokens or 0 for asked in self._sent.requests]
        with NullServer(tokens, kind=self._dialect.value, token_gap_ns=gap_ns, prompt_tokens=prompts) as server:
            sent = self._send(self._sent, server.address, None, load.timeout_s)
        return Floor(self._served(sent), 0, gap_ns)

    def _send(
        self,
        workload: Workload,
        address: Address,
        key: Key | None,
        timeout_s: int,
        on_answer: Callable[[int], None] = lambda _: None,
    ) -> _Sent:
        """Send a workload and wait until all its requests have ended."""
        ids = [f"{secrets.token_hex(8)}-{number}" for number in range(len(workload.requests))]
        http = HttpLoad(
            numeric_address(address),
            address.port,
            self._bytes(workload, ids, address, key),
            offsets_ns=workload.offsets_ns,
            concurrency=workload.arrivals.concurrency,
            after=workload.after,
            connections=MOST_CONNECTIONS,
            timeout_ns=timeout_s * NS_PER_S,
            tls_name=address.host if address.scheme == "https" else None,
        )
        wait_for(http, on_answer)
        return _Sent(http, workload, ids)

    def _workload(self, load: Load) -> Workload:
        """Return the prompts of a load and when they are sent."""
        cache = PrefixCache.parse(load.prefix_cache, seed=load.seed)
        if load.trace is None:
            lengths = {"prompt_tokens": load.input_length, "new_tokens": load.new_tokens}
            return sized(self._prompts, load.arrivals(), **lengths, prefix_cache=cache)
        recorded = read_trace(load.trace, limit=load.requests)
        speed_up = load.rate / rate_of(recorded) if load.rate else 1.0
        most = self._facts.most_tokens
        return replayed(self._prompts, recorded, speed_up=speed_up, most_tokens=most, prefix_cache=cache)

    def _bytes(self, workload: Workload, ids: Sequence[str], address: Address, key: Key | None) -> list[bytes]:
        """Return the raw bytes of each request."""
        route, model, without = self._dialect.route, self._facts.model, self._refused
        return [
            address.request(
                "POST",
                route,
                {"X-Request-Id": id, **HEADERS},
                self._dialect.body(model, asked.prompt, asked.new_tokens, without=without),
                key=key,
            )
            for asked, id in zip(workload.requests, ids, strict=True)
        ]

    def _served(self, sent: _Sent) -> ServedLoad:
        """Read the answers of a load that has ended."""
        http, workload = sent.http, sent.workload
        table = http.requests()
        connections = dict(
            zip(integers(table, "request").tolist(), integers(table, "connection").tolist(), strict=True)
        )
        requests = tuple(
            ServedRequest(
                answer,
                workload.requests[answer.request].new_tokens,
                workload.requests[answer.request].prompt_tokens,
                connections.get(answer.request),
                sent.ids[answer.request],
                self._broken(answer, workload),
            )
            for answer in sorted(answers(http, key=self._key), key=lambda answer: answer.request)
        )
        client = client_account(http, requests)
        return ServedLoad(
            requests,
            notes=(str(workload.account), *workload.notes),
            client_limits=client.limits,
            client_held_up=client.held_up,
            client_cpu=client.cpu,
            interrupted=any(request.was_cut_off for request in requests),
        )

    def _broken(self, answer: Answer, workload: Workload) -> tuple[str, ...]:
        """Return the clauses of the contract that an answer breaks; what the server does not say breaks none."""
        if answer.failure is not None:
            return ()
        exact = "ignore_eos" not in self._refused
        return tuple(map(str, kept(workload.requests[answer.request], answer, exact=exact).breaches))


def _median_gap_ns(served: ServedLoad) -> int:
    """Return the median time between two events of the answers, ns; 0 if there are none."""
    pieces = (request.answer.pieces for request in served.requests)
    gaps = [after.time_ns - before.time_ns for of in pieces for before, after in pairwise(of)]
    return int(median(gaps)) if gaps else 0


def rate_of(recorded: Trace) -> float:
    """Return the requests per second of a trace.

    Raises:
        InvalidValueError: all of its requests came at once.
    """
    span_ns = recorded.requests[-1].time_ns - recorded.requests[0].time_ns
    if span_ns <= 0:
        raise InvalidValueError("rate of a trace", "requests that came at once", "auto", "Leave the rate out.")
    return (len(recorded.requests) - 1) * NS_PER_S / span_ns


def promised(workload: Workload) -> Workload:
    """Return a workload that asks for no length of a prompt where it cannot be counted: then the contract has none."""
    if workload.account.way != "source":
        return workload
    return replace(workload, requests=tuple(replace(asked, prompt_tokens=None) for asked in workload.requests))


def wait_for(http: HttpLoad, on_answer: Callable[[int], None]) -> None:
    """Start a load and wait until all its requests have ended; stop it if this thread is interrupted."""
    http.start()
    try:
        with _interrupted_by_signal(http):
            while not http.wait(_LOOK_S):
                on_answer(http.ended)
    except BaseException:
        http.stop()
        raise
    on_answer(http.ended)


@contextmanager
def _interrupted_by_signal(http: HttpLoad) -> Iterator[None]:
    """Let SIGINT end a load with what it has; in another thread than the main one, leave signals alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, lambda *_: http.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def numeric_address(address: Address) -> str:
    """Return the first IP address of a host.

    Raises:
        EndpointError: it has none.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        reason = f"no address for {address.host!r} ({error.strerror or error})"
        raise EndpointError(f"endpoint {address}: got {reason}, expected a host that exists. Check its name.") from None
    return str(found[0][4][0])
