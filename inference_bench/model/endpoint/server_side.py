"""What a server's own metrics say of a load: notes, and readings over its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from inference_bench.endpoint.client import Client
from inference_bench.endpoint.probe import ServerFacts
from inference_bench.endpoint.server_metrics import ServerMetrics, prefix_cache_use, queues
from inference_bench.endpoint.server_readings import Reading, readings
from inference_bench.errors import InferenceBenchError
from inference_bench.model.offered_load import Load


def scraped(client: Client, facts: ServerFacts, load: Load) -> AbstractContextManager[ServerMetrics | None]:
    """Return what scrapes ``/metrics`` around a load; nothing for a single stream, and a server that has none."""
    if not facts.has_metrics or load.kind == "single_stream":
        return nullcontext()
    return ServerMetrics(client.at(client.address.root))


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """What a server said of itself during a load.

    Attributes:
        notes: one sentence each.
        readings: of its series, scrape by scrape.
    """

    notes: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()


def server_account(metrics: ServerMetrics | None) -> ServerAccount:
    """Return what the scrapes say; why they say nothing, where they cannot be read."""
    if metrics is None or not metrics.scrapes:
        return ServerAccount()
    try:
        return ServerAccount(tuple(_notes(metrics)), tuple(readings(metrics.scrapes)))
    except InferenceBenchError as error:  # no Prometheus format, or its parser is not installed
        return ServerAccount((f"the server's own counters were not read: {error}",))


def _notes(metrics: ServerMetrics) -> Iterator[str]:
    use = prefix_cache_use(metrics.change())
    if use is not None:
        yield (
            f"by the server's own counters {use.hit_tokens:,} of {use.queried_tokens:,} tokens of prompts came from "
            "its prefix cache during the load"
        )
    waiting = [queue.waiting for queue in queues(metrics.scrapes)]
    if waiting:
        yield f"by the server's own gauges at most {max(waiting):,} requests waited in it ({len(waiting)} readings)"
