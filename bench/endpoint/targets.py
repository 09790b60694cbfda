"""What our client costs and how exact it is, on one core beside the server on another; ratios within one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.endpoint.stream_load import ID
from bench.endpoint.truth import HELD, Cpus
from inference_bench.endpoint.null_server import NullServer
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US

STREAMS = 32
GAP_NS = 20 * NS_PER_MS
FIRST_NS = 50 * NS_PER_MS
MOST_LAG_NS = NS_PER_MS
CHUNK_RATES = (5_000, 10_000, 20_000, 30_000, 40_000)


@dataclass(frozen=True, slots=True)
class Line:
    """One target: what was measured, in words, and whether it is met."""

    target: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Received:
    """What a client received, beside the server's stamps.

    Attributes:
        said: what the client's process wrote.
        errors_ns: arrival of each event less the server's stamp of its step.
        late_ns: the server's stamp of each step less its planned time.
    """

    said: dict[str, Any]
    errors_ns: NDArray[np.int64]
    late_ns: NDArray[np.int64]

    @property
    def events(self) -> int:
        """Number of events with text."""
        return sum(len(request["times"]) for request in self.said["requests"])

    @property
    def lags_ns(self) -> NDArray[np.int64]:
        """Time from the arrival of each event at the kernel to its read."""
        pairs = [(request["reads"], request["times"]) for request in self.said["requests"]]
        return np.concatenate([np.subtract(reads, times) for reads, times in pairs])

    @property
    def dispatch_ns(self) -> NDArray[np.int64]:
        """Time from the planned instant of each request to its send."""
        return np.array([request["lag"] for request in self.said["requests"]])


def measure_targets(cpus: Cpus, *, quick: bool) -> int:
    """Print a line for each target; return 1 if one is missed."""
    print("\n### Targets\n\n| target | measured | |\n|---|---|---|")
    missed = 0
    for measure in (arrivals, cost, throughput, many, dispatch):
        for line in measure(cpus, quick):
            print(f"| {line.target} | {line.measured} | {'met' if line.is_met else 'missed'} |", flush=True)
            missed |= not line.is_met
    return int(missed)


def arrivals(cpus: Cpus, quick: bool) -> Iterator[Line]:
    """Compare the arrival of each chunk with the server's stamp while the interpreter is held."""
    found = receive(cpus, "ours", tokens=50 if quick else 500, held=True)
    p50, p99 = np.quantile(found.errors_ns, [0.5, 0.99]) / NS_PER_US
    name = f"arrival of a chunk, {STREAMS} streams × 50 chunks/s, interpreter held: p50 ≤ 60 µs, p99 ≤ 250 µs"
    yield Line(name, f"{p50:.0f} µs, {p99:.0f} µs of {found.events:,} chunks", p50 <= 60 and p99 <= 250)


def cost(cpus: Cpus, quick: bool) -> Iterator[Line]:
    """Compare the CPU time of a chunk with that of a client on aiohttp, in turns."""
    costs: dict[str, list[float]] = {"ours": [], "aiohttp": []}
    parsing: list[float] = []
    for _ in range(1 if quick else 5):
        for client, of in costs.items():
            found = receive(cpus, client, tokens=50 if quick else 500)
            of.append(found.said["cpu_ns"] / found.events / NS_PER_US)
            if client == "ours":
                parsing.append(found.said["parsing_ns"] / found.events / NS_PER_US)
    ours, other = (float(np.median(of)) for of in costs.values())
    name = f"CPU of a chunk, parsing included, over aiohttp's, {STREAMS} streams × 50 chunks/s: ≤ 0.2"
    bare = bare_reader_us(cpus, 50 if quick else 500)
    parts = f"{ours:.1f} µs (parsing {np.median(parsing):.1f}; a bare reader in C takes {bare:.1f}) / {other:.1f} µs"
    yield Line(name, f"{parts} = {ours / other:.2f}", ours / other <= 0.2)


def bare_reader_us(cpus: Cpus, tokens: int) -> float:
    """Return the CPU time of an event for a program that only waits and reads, µs: no client can take less."""
    with NullServer([tokens], **_plan(cpus, GAP_NS)) as server, tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "bare_reader")
        subprocess.run(["cc", "-O2", "-o", program, str(Path(__file__).with_name("bare_reader.c"))], check=True)
        gap_us = str(GAP_NS // STREAMS // NS_PER_US)
        command = ["taskset", "-c", str(cpus.client), program, str(server.address.port), str(STREAMS), gap_us]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(ended.stdout) / (STREAMS * tokens) / NS_PER_US


def throughput(cpus: Cpus, quick: bool) -> Iterator[Line]:
    """Raise the chunks a second while p99 of the client's lag stays within 1 ms."""
    best, why = 0.0, "no limit found"
    for rate in CHUNK_RATES[:2] if quick else CHUNK_RATES:
        streams = rate // 50
        found = receive(cpus, "ours", tokens=100, streams=streams, spread_ns=NS_PER_S)
        lag_ns, late_ns = np.quantile(found.lags_ns, 0.99), np.quantile(found.late_ns, 0.99)
        achieved = _chunks_a_second(found)
        if lag_ns > MOST_LAG_NS:
            why = f"at {achieved:,.0f}/s p99 of the lag is {lag_ns / NS_PER_MS:.1f} ms"
            break
        best = max(best, achieved)
        if late_ns > GAP_NS:
            why = f"the server is the limit: p99 of its own delay is {late_ns / NS_PER_MS:.0f} ms"
            break
    name = "chunks a second at p99 client_lag ≤ 1 ms: ≥ 20,000, or the limit named"
    yield Line(name, f"{best:,.0f}; {why}", best >= 20_000 or why != "no limit found")


def many(cpus: Cpus, quick: bool) -> Iterator[Line]:
    """Hold many streams at once and count what was lost."""
    streams = 200 if quick else 1_000
    found = receive(cpus, "ours", tokens=50, streams=streams, gap_ns=100 * NS_PER_MS, spread_ns=NS_PER_S)
    failed = [request["failure"] for request in found.said["requests"] if request["failure"]]
    whole = sum(len(request["times"]) == 50 for request in found.said["requests"])
    lost = f"; {failed[0]}" if failed else ""
    yield Line(
        f"streams at once: ≥ {streams:,}, none lost",
        f"{whole:,} of {streams:,} whole, most at once {_most_at_once(found):,}{lost}",
        whole == streams and _most_at_once(found) == streams,
    )


def dispatch(cpus: Cpus, quick: bool) -> Iterator[Line]:
    """Measure the dispatch lag of a Poisson load."""
    found = receive(cpus, "ours", tokens=4, streams=200 if quick else 2_000, rate=200, poisson=True)
    p50, p99 = np.quantile(found.dispatch_ns, [0.5, 0.99]) / NS_PER_US
    yield Line(
        "dispatch lag, 200 requests/s Poisson: p50 ≤ 20 µs, p99 ≤ 300 µs",
        f"{p50:.0f} µs, {p99:.0f} µs",
        p50 <= 20 and p99 <= 300,
    )


def receive(
    cpus: Cpus,
    client: str,
    *,
    tokens: int,
    streams: int = STREAMS,
    gap_ns: int = GAP_NS,
    spread_ns: int = GAP_NS,
    rate: float = 0.0,
    poisson: bool = False,
    held: bool = False,
) -> Received:
    """Have a client receive streams whose beginnings are spread over a time, or come at a rate."""
    options = ["--requests", str(streams), "--rate", str(rate or streams * NS_PER_S / spread_ns)]
    options += ["--poisson"] if poisson else []
    with NullServer([tokens], **_plan(cpus, gap_ns)) as server, tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.json"
        command = [sys.executable, "-m", "bench.endpoint.stream_load", client, str(server.address), *options]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
        if held:
            environment |= {"PYTHONPATH": f"{HELD}{os.pathsep}{Path.cwd()}", "BENCH_HOLD_INTERPRETER": "1"}
        subprocess.run(["taskset", "-c", str(cpus.client), *command, "--out", str(out)], check=True, env=environment)
        return _joined(json.loads(out.read_text()), server, tokens)


def _plan(cpus: Cpus, gap_ns: int) -> dict[str, Any]:
    return {"first_token_ns": FIRST_NS, "token_gap_ns": gap_ns, "cpus": {cpus.server}}


def _joined(said: dict[str, Any], server: NullServer, tokens: int) -> Received:
    """Lay the client's times beside the server's: by the id of each request, and by the order of its events."""
    sends = server.sends()
    order = np.lexsort((sends["step"], sends["request"]))
    request, step = sends["request"][order], sends["step"][order]
    texts = (step >= _FIRST_TEXT) & (step < _FIRST_TEXT + tokens)
    sent, planned = sends["sent_ns"][order][texts], sends["planned_ns"][order][texts]
    ids = {_id(server.request_bytes(index)): index for index in np.unique(request).tolist()}
    errors = [
        np.array(each["times"]) - sent[request[texts] == ids[index]]
        for index, each in enumerate(said["requests"])
        if len(each["times"]) == tokens
    ]
    return Received(said, np.concatenate(errors), sent - planned)


_FIRST_TEXT = 2
"""Steps of a script before its first text: the head, the role."""


def _id(request: bytes) -> int:
    head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return next(int(line.partition(":")[2]) for line in head if line.lower().startswith(ID.lower()))


def _chunks_a_second(found: Received) -> float:
    """Return the chunks that came in the middle half of the load, a second."""
    times = np.sort(np.concatenate([request["times"] for request in found.said["requests"]]))
    middle = times[len(times) // 4 : 3 * len(times) // 4]
    return len(middle) * NS_PER_S / float(middle[-1] - middle[0])


def _most_at_once(found: Received) -> int:
    """Return the greatest number of streams between their first and last chunk."""
    edges = [(request["times"][0], 1) for request in found.said["requests"] if request["times"]]
    edges += [(request["times"][-1], -1) for request in found.said["requests"] if request["times"]]
    return int(np.cumsum([change for _, change in sorted(edges)]).max(initial=0))
