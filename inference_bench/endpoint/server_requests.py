"""What a server with ``live.requests_endpoint`` tells of its requests: their stages, and readings of its clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from inference_bench._native import now_ns
from inference_bench.clock_scale import clock_scale
from inference_bench.endpoint.client import Client, Reply
from inference_bench.endpoint.clock_offset import RoundTrip
from inference_bench.errors import EndpointError
from inference_bench.server_stages import ID_HEADER, ServerStages

ROUTE = "/requests/"
_READINGS = 32
"""Readings of the server's clock: the narrowest counts, and each takes a fraction of a millisecond on loopback."""
_IDS_PER_QUESTION = 500

_ID = re.compile(rb"(?im)^%b:[ \t]*(\d{1,18})[ \t]*\r?$" % ID_HEADER.encode())


@dataclass(frozen=True, slots=True)
class ServerRequests:
    """What a server tells of its requests.

    Attributes:
        stages: by the request's number; those that the server has recorded.
        trips: readings of its clock; none if it is the client's.
        description: of its clock.
    """

    stages: Mapping[int, ServerStages]
    trips: tuple[RoundTrip, ...]
    description: Mapping[str, Any]


def request_id(head: bytes) -> int | None:
    """Return the number that the head of a response says, or None."""
    found = _ID.search(head)
    return int(found[1]) if found else None


def ask_stages(client: Client, ids: Iterable[int], route: str = ROUTE) -> ServerRequests:
    """Ask a server for the stages of requests, and read its clock if it is another than ours.

    Args:
        client: for the address that ``route`` follows.
        ids: numbers of requests.
        route: where ``RequestsEndpoint`` is mounted, with a slash at its end.

    Raises:
        EndpointError: it does not answer, or not as ``RequestsEndpoint`` does.
    """
    told = [_ask(client, route, numbers) for numbers in _batches(sorted(ids))]
    clock = told[0][1]["clock"]
    is_ours = clock["scale"] != "" and clock["scale"] == clock_scale()
    readings = [] if is_ours else [_ask(client, route, ()) for _ in range(_READINGS)]
    return ServerRequests(
        {stages.id: stages for _, fields in told for stages in fields["requests"]},
        () if is_ours else tuple(trip for trip, _ in (*told, *readings)),
        clock["description"],
    )


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    """Return the ids of each question; a single empty one where there are none."""
    return [ids[start : start + _IDS_PER_QUESTION] for start in range(0, max(len(ids), 1), _IDS_PER_QUESTION)]


def _ask(client: Client, route: str, numbers: Sequence[int]) -> tuple[RoundTrip, dict[str, Any]]:
    """Ask for the stages of requests; the server reads its clock between the question and the answer."""
    sent_ns = now_ns()
    reply = client.get(f"{route}?ids={','.join(map(str, numbers))}")
    returned_ns = now_ns()
    try:
        clock = reply.fields()["clock"]
        stages = [_stages(fields) for fields in reply.fields()["requests"]]
        told = {"clock": {name: clock[name] for name in ("scale", "description")}, "requests": stages}
        read_ns = _whole(clock["now_ns"])
    except (AttributeError, KeyError, TypeError):
        raise EndpointError(_not_told(client, route, reply)) from None
    return RoundTrip(sent_ns, read_ns, read_ns, returned_ns), told


def _stages(told: Mapping[str, Any]) -> ServerStages:
    """Return the stages of one request; fields of later versions are left out."""
    known = {field.name: told[field.name] for field in fields(ServerStages) if told.get(field.name) is not None}
    return ServerStages(**{name: _whole(value) for name, value in known.items()})


def _whole(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise TypeError(f"a time or a number expected, not {value!r}")
    return value


def _not_told(client: Client, route: str, reply: Reply) -> str:
    advice = "Mount live.requests_endpoint.RequestsEndpoint there."
    if reply.status == 403:
        advice = "Give the token that RequestsEndpoint asks for as the key, or ask as the server's user on its machine."
    return f"endpoint {client.address}{route}: got {reply.said}, expected the stages of requests. {advice}"
