"""Stages of requests over HTTP, from an endpoint that the application mounts."""

from __future__ import annotations

import json
from dataclasses import asdict
from urllib.parse import parse_qs

from inference_bench._native import clock_describe, now_ns
from inference_bench.clock_scale import clock_scale
from inference_bench.live.private_endpoint import PrivateEndpoint
from inference_bench.live.request_stages import chosen, request_stages

_EXPECTED = "expected ids=1,2,… or since_ns=N, in whole numbers"


class RequestsEndpoint(PrivateEndpoint):
    """An ASGI application that says when the server did what for a request: ``app.mount("/requests", …)``.

    ``GET …?ids=17,18`` answers the requests of these numbers, ``?since_ns=N`` those that began at N or later, and
    without a query all that the flight recorder still holds in detail; ``server_stages.ServerStages`` says what is told
    of each. A client learns a request's number by sending the header ``x-inference-bench``. The answer holds a reading
    of the server's ``now_ns`` and its scale, so that a client can join both clocks. ``PrivateEndpoint`` says whom it
    answers, and what ``token`` is.
    """

    def answer(self, query: str) -> tuple[int, bytes]:
        """Return the stages; status 400 for a query that cannot be read."""
        read_ns = now_ns()
        try:
            numbers, since_ns = _asked(query)
        except ValueError:
            return 400, json.dumps({"error": f"got {query[:100]!r}, {_EXPECTED}"}).encode() + b"\n"
        stages = [] if numbers == [] else chosen(request_stages(self._profiler.flight()), numbers, since_ns)
        clock = {"now_ns": read_ns, "scale": clock_scale(), "description": clock_describe()}
        return 200, json.dumps({"clock": clock, "requests": [asdict(each) for each in stages]}).encode() + b"\n"


def _asked(query: str) -> tuple[list[int] | None, int | None]:
    """Return the numbers and the instant that a query names."""
    given = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=2)
    if given.keys() - {"ids", "since_ns"} or len(given) > 1 or any(len(values) > 1 for values in given.values()):
        raise ValueError(query)
    if "ids" in given:
        return [int(number) for number in given["ids"][0].split(",") if number], None
    return None, int(given["since_ns"][0]) if "since_ns" in given else None
