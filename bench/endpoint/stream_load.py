"""Streams from a server, received by our transport or by aiohttp: ``python -m bench.endpoint.stream_load``.

Both do the same: send requests at their instants, stamp each event with text, parse the JSON. Written is when each
event came, and the CPU time of the process from the first request to the last parsed event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from inference_bench._native import HttpLoad, Pacer, now_ns
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.units import NS_PER_S

_BODY = Dialect.CHAT.body("scripted", "Tell me a story.", 1000)
_LEAD_NS = 300_000_000
ID = "X-Request-Id"


def main() -> int:
    """Receive the streams and write what came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=("ours", "aiohttp"))
    parser.add_argument("endpoint")
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--poisson", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    made = Pacer.poisson(given.rate, given.requests, seed=1) if given.poisson else None
    offsets = (made or Pacer.constant(given.rate, given.requests)).schedule().tolist()
    address = Address.parse(given.endpoint)
    receive = by_transport if given.client == "ours" else by_aiohttp
    given.out.write_text(json.dumps(receive(address, offsets)))
    return 0


def by_transport(address: Address, offsets_ns: Sequence[int]) -> dict[str, Any]:
    """Receive by ``HttpLoad``, and read the answers afterwards."""
    route = Dialect.CHAT.route
    requests = [address.request("POST", route, {ID: str(index)}, _BODY) for index in range(len(offsets_ns))]
    load = HttpLoad(address.host, address.port, requests, offsets_ns=np.array(offsets_ns) + _LEAD_NS)
    before_s = time.process_time()
    load.start()
    while not load.wait(0.5):
        pass
    received_s = time.process_time()
    found = answers(load)
    parsed_s = time.process_time()
    return {
        "cpu_ns": (parsed_s - before_s) * NS_PER_S,
        "parsing_ns": (parsed_s - received_s) * NS_PER_S,
        "requests": [
            {
                "times": [piece.time_ns for piece in answer.pieces],
                "reads": [piece.read_ns for piece in answer.pieces],
                "lag": answer.sent_ns - answer.planned_ns,
                "failure": None if answer.failure is None else str(answer.failure),
            }
            for answer in found
        ],
        "stalls": len(load.stalls()),
    }


def by_aiohttp(address: Address, offsets_ns: Sequence[int]) -> dict[str, Any]:
    """Receive by aiohttp, stamping each event before its JSON is parsed."""
    return asyncio.run(_all(str(address) + Dialect.CHAT.route, offsets_ns))


async def _all(url: str, offsets_ns: Sequence[int]) -> dict[str, Any]:
    from aiohttp import ClientSession, TCPConnector

    headers = {"Content-Type": "application/json"}
    async with ClientSession(connector=TCPConnector(limit=0), headers=headers) as session:
        before_s, start_ns = time.process_time(), now_ns() + _LEAD_NS
        tasks = [_one(session, url, index, start_ns + offset) for index, offset in enumerate(offsets_ns)]
        requests = await asyncio.gather(*tasks)
        cpu_s = time.process_time() - before_s
    return {"cpu_ns": cpu_s * NS_PER_S, "requests": requests, "stalls": 0}


async def _one(session: Any, url: str, index: int, planned_ns: int) -> dict[str, Any]:
    await asyncio.sleep(max(0, planned_ns - now_ns()) / NS_PER_S)
    sent_ns, times = now_ns(), []
    async with session.post(url, data=_BODY, headers={ID: str(index)}) as response:
        async for line in response.content:
            came_ns = now_ns()
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            choices = orjson.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                times.append(came_ns)
    return {"times": times, "reads": times, "lag": sent_ns - planned_ns, "failure": None}


if __name__ == "__main__":
    sys.exit(main())
