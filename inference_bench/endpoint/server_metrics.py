"""A server's own counters: ``/metrics`` read before, during and after a load, on the clock of the load.

A thread only fetches and compresses the text, so that it costs little while the load runs; the text is parsed
afterwards, by ``prometheus_client`` (extra ``endpoint``).
"""

from __future__ import annotations

import math
import os
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import inference_bench._native as _native
from inference_bench.endpoint.client import Client
from inference_bench.errors import EndpointError
from inference_bench.extras import needed_by

_ROUTE = "/metrics"
_NICE = 10
"""Priority of the thread that scrapes: a load is sent and received by a thread of the usual one, 0."""

_FAST = 1
"""Level of compression."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """The text of ``/metrics`` at one instant, which lies between two times on the scale of ``now_ns``."""

    asked_ns: int
    answered_ns: int
    packed: bytes

    @property
    def middle_ns(self) -> int:
        """The middle between question and answer."""
        return (self.asked_ns + self.answered_ns) // 2

    @property
    def text(self) -> str:
        """The text as the server wrote it."""
        return zlib.decompress(self.packed).decode(errors="replace")

    def values(self) -> dict[str, float]:
        """Return each sample's value by its name; those of several labels are added up.

        Raises:
            EndpointError: the text is not in the Prometheus format.
            MissingPackageError: ``prometheus_client`` is not installed.
        """
        with needed_by("the server's metrics"):
            from prometheus_client.parser import text_string_to_metric_families
        totals: dict[str, float] = {}
        try:
            for family in text_string_to_metric_families(self.text):
                for sample in family.samples:
                    totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
        except ValueError as error:
            raise EndpointError(f"{_ROUTE}: got {error}, expected the Prometheus text format") from None
        return totals


def scrape(client: Client) -> Scrape:
    """Read a server's metrics once.

    Args:
        client: for the address that ``/metrics`` is at.

    Raises:
        EndpointError: the server has none, or does not answer.
    """
    asked_ns = _native.now_ns()
    reply = client.get(_ROUTE)
    answered_ns = _native.now_ns()
    if not reply.is_success:
        raise EndpointError(f"GET {client.address}{_ROUTE}: got {reply.said}, expected the server's metrics")
    return Scrape(asked_ns, answered_ns, zlib.compress(reply.body, _FAST))


class ServerMetrics:
    """Scrapes a server before, every so often during, and after the block that it encloses.

    ``with ServerMetrics(client) as metrics: …`` and then ``metrics.scrapes``; what failed is in ``metrics.errors``.
    """

    def __init__(self, client: Client, interval_s: float = 1.0) -> None:
        """Ask nothing yet.

        Args:
            client: for the address that ``/metrics`` is at.
            interval_s: time between two scrapes.
        """
        self.scrapes: list[Scrape] = []
        self.errors: list[str] = []
        self._client = client
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server metrics", daemon=True)

    def __enter__(self) -> Self:
        self._once()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._once()

    def change(self) -> dict[str, float]:
        """Return by how much each value grew from the first scrape to the last; only counters have a meaning here."""
        return change(self.scrapes[0], self.scrapes[-1]) if self.scrapes else {}

    def _run(self) -> None:
        _give_way()
        due_s = time.monotonic() + self._interval_s
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            self._once()
            missed = max(0, math.ceil((time.monotonic() - due_s) / self._interval_s) - 1)
            due_s += (1 + missed) * self._interval_s  # at a fixed rate, and none made up for

    def _once(self) -> None:
        try:
            self.scrapes.append(scrape(self._client))
        except EndpointError as error:
            self.errors.append(str(error))


def _give_way() -> None:
    """Let the thread that calls this run only where no other one wants its CPU."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def change(before: Scrape, after: Scrape) -> dict[str, float]:
    """Return by how much each value grew between two scrapes.

    A value that is new, or that has fallen because the server was started again, grew from 0.
    """
    earlier = before.values()
    grown = {name: value - earlier.get(name, 0.0) for name, value in after.values().items()}
    return {name: growth if growth >= 0 else growth + earlier[name] for name, growth in grown.items()}


_QUEUES = (
    ("vllm:num_requests_running", "vllm:num_requests_waiting"),
    ("sglang:num_running_reqs", "sglang:num_queue_reqs"),
    ("llamacpp:requests_processing", "llamacpp:requests_deferred"),
)
"""Gauges of requests that run and that wait: vLLM, SGLang, llama.cpp."""


class Queue(NamedTuple):
    """How many requests a server runs, and how many wait, at one instant on the scale of ``now_ns``."""

    time_ns: int
    running: int
    waiting: int


def queues(scrapes: Sequence[Scrape]) -> list[Queue]:
    """Return the server's queue at each scrape, in the middle between question and answer; nothing where unknown."""
    found = []
    for each in scrapes:
        values = each.values()
        names = next((names for names in _QUEUES if names[0] in values), None)
        if names is not None:
            running, waiting = (round(values.get(name, 0.0)) for name in names)
            found.append(Queue(each.middle_ns, running, waiting))
    return found


@dataclass(frozen=True, slots=True)
class PrefixCacheUse:
    """What a server's prefix cache did during a load, in tokens of prompts.

    Attributes:
        hit_tokens: found in the cache.
        queried_tokens: looked up.
        counter: the server's name of the hits.
    """

    hit_tokens: int
    queried_tokens: int
    counter: str


_PREFIX_CACHES = {
    "vllm:prefix_cache_hits_total": ("vllm:prefix_cache_queries_total",),
    "vllm:gpu_prefix_cache_hits_total": ("vllm:gpu_prefix_cache_queries_total",),
    "sglang:cached_tokens_total": ("sglang:prompt_tokens_total",),
    "llamacpp:prompt_tokens_cached_total": ("llamacpp:prompt_tokens_total", "llamacpp:prompt_tokens_cached_total"),
}
"""Counter of hits → counters whose sum is the tokens looked up: vLLM, SGLang, llama.cpp."""


def prefix_cache_use(grown: Mapping[str, float]) -> PrefixCacheUse | None:
    """Return what the prefix cache did, from how the counters grew; None for a server that does not count it."""
    for hits, queries in _PREFIX_CACHES.items():
        if hits in grown:
            return PrefixCacheUse(round(grown[hits]), round(sum(grown.get(name, 0.0) for name in queries)), hits)
    return None
