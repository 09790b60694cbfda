"""Our client as a process: carries a load out and writes what it found as JSON. ``python -m bench.endpoint.ours``."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import PieceKind
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.probe import probe
from inference_bench.errors import UsageError
from inference_bench.model.endpoint.load_client import HttpLoadServer
from inference_bench.model.offered_load import Load, ServedRequest


def main() -> int:
    """Carry out a load as ``run --endpoint`` does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--input-length", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=16)
    given = parser.parse_args()
    scenario = "constant" if given.rate else "single_stream"
    load = Load(scenario, given.requests, given.input_length, given.new_tokens, given.rate or 0.0, seed=1)
    try:
        client = Client(Address.parse(given.endpoint))
        served = HttpLoadServer(client.address, probe(client, "scripted"), None).carry_out(load)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    said = {"requests": [_plain(request) for request in served.requests], "limits": list(served.client_limits)}
    given.out.write_text(json.dumps(said))
    return 0


def _plain(request: ServedRequest) -> dict[str, object]:
    answer = request.answer
    first_ns = answer.first_content_ns
    texts = [piece for piece in answer.pieces if piece.kind is PieceKind.CONTENT]
    gaps = [
        None if after.tokens is None else (after.time_ns - before.time_ns) / after.tokens
        for before, after in pairwise(texts)
    ]
    return {
        "ttft_ns": None if first_ns is None else first_ns - answer.planned_ns,
        "reasoning_ns": None if answer.first_reasoning_ns is None else answer.first_reasoning_ns - answer.planned_ns,
        "gaps_ns": gaps,
        "tokens": answer.completion_tokens,
        "failure": None if answer.failure is None else str(answer.failure),
        "broken": list(request.broken),
        "lag_ns": request.lag_ns,
        "stalled": any(piece.stalled for piece in answer.pieces),
        "client_lag_ns": max((piece.read_ns - piece.time_ns for piece in answer.pieces), default=0),
    }


if __name__ == "__main__":
    sys.exit(main())
