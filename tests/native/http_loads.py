"""Loads carried out for tests, and what they recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference_bench._native import HttpLoad, Table

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HOUR_NS = 3_600 * 10**9
PATIENCE_S = 60


def columns(table: Table) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in table.columns().items()}


def outcomes(load: HttpLoad) -> list[str]:
    table = load.requests()
    labels = table.labels("outcome")
    assert labels is not None
    return [labels[i] for i in table.column("outcome")]


def carry_out(port: int, requests: int | list[bytes] = 1, address: str = "127.0.0.1", **options: Any) -> HttpLoad:
    """A load that has ended: one client without an arrival schedule."""
    if "offsets_ns" not in options:
        options.setdefault("concurrency", 1)
    load = HttpLoad(address, port, [GET] * requests if isinstance(requests, int) else requests, **options)
    load.start()
    assert load.wait(PATIENCE_S)
    assert load.ended == load.total
    return load


def check_order(load: HttpLoad) -> None:
    """Times of whole requests follow one another, and the chunks of each make up its body."""
    r, c = columns(load.requests()), columns(load.chunks())
    assert load.start_ns is not None
    assert r["request"].tolist() == list(range(load.total))
    assert np.all(load.start_ns <= r["planned_ns"])
    assert np.all(r["planned_ns"] <= r["sent_ns"])
    assert np.all(r["sent_ns"] <= r["written_ns"])
    assert np.all(r["sent_ns"] <= r["first_byte_ns"])
    assert np.all(r["first_byte_ns"] <= r["ended_ns"])
    for request in range(load.total):
        mine = c["request"] == request
        assert c["length"][mine].sum() == r["body_bytes"][request] == len(load.body(request))
        assert c["offset"][mine].tolist() == [0, *np.cumsum(c["length"][mine])][: mine.sum()]
        assert np.all(np.diff(c["read_ns"][mine]) > 0)
