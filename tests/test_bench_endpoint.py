"""What the bench of endpoints plants is what our own client finds; its times are for an idle machine."""

from __future__ import annotations

import pytest

from bench.endpoint.faults import TEXT, Fault, faults
from inference_bench._native import HttpLoad, ScriptedServer
from inference_bench.endpoint.answer import Answer, PieceKind, answers

FAULTS = {fault.name: fault for fault in faults()}


def answered(fault: Fault) -> Answer:
    request = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    with ScriptedServer([fault.script], close=fault.close) as server:
        load = HttpLoad("127.0.0.1", server.port, [request], concurrency=1, idle_timeout_ns=5_000_000_000)
        load.start()
        assert load.wait(60)
        return answers(load)[0]


@pytest.mark.parametrize("name", FAULTS)
def test_our_client_finds_what_is_planted(name: str) -> None:
    fault = FAULTS[name]

    answer = answered(fault)

    assert (answer.failure is None) == fault.is_success, answer.failure
    assert answer.text == TEXT * fault.tokens
    events = [piece for piece in answer.pieces if piece.kind is PieceKind.CONTENT]
    assert len(events) == (16 if "in one segment" in name else len(fault.texts))
