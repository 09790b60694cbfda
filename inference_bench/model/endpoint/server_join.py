"""Joins a load with what its server recorded of it, where the server uses ``inference_bench.live``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inference_bench.endpoint.client import Client
from inference_bench.endpoint.join import FAILED, Join, ids_of, joined
from inference_bench.endpoint.received import Received
from inference_bench.endpoint.server_requests import ask_stages
from inference_bench.errors import EndpointError
from inference_bench.model.offered_load import ServedLoad
from inference_bench.units import counted


def with_both_sides(client: Client, http: Received, served: ServedLoad) -> ServedLoad:
    """Return a load that has ended with the server's stages of its requests; nothing is asked if none has a number.

    Args:
        client: for the root of the server's address.
        http: what the transport received; its requests carried ``HEADERS``.
        served: the same load as the benchmarks take it.
    """
    ids = ids_of(http)
    if not ids:
        return served
    try:
        join = joined(http, ids, ask_stages(client, ids.values()))
    except EndpointError as error:
        return replace(served, notes=(*served.notes, f"the server's stages of the requests are unknown: {error}"))
    found = {each.request: each for each in join.requests}
    requests = tuple(replace(each, both_sides=found.get(each.answer.request)) for each in served.requests)
    return replace(served, requests=requests, notes=(*served.notes, *_left_out(join)))


def _left_out(join: Join) -> Iterator[str]:
    """Yield which requests have no stages of the server, apart from those that failed."""
    others = {why: count for why, count in join.left_out.items() if why != FAILED}
    if others:
        reasons = "; ".join(f"{count} because {why}" for why, count in others.items())
        yield f"{counted(sum(others.values()), 'request')} could not be joined with the server: {reasons}"
