from __future__ import annotations

import json

import pytest
from h11 import CLIENT, NEED_DATA, Connection, Data, EndOfMessage, Request, Response

from inference_bench.endpoint import scripts
from inference_bench.endpoint.deltas import Delta, Usage, delta
from inference_bench.endpoint.scripts import Kind, Script
from inference_bench.errors import InvalidValueError


def received(script: Script) -> tuple[Response, list[bytes]]:
    """Return the head and the chunks of a script, as another HTTP implementation reads them."""
    client = Connection(CLIENT)
    client.send(Request(method="GET", target="/", headers=[("Host", "h")]))
    client.send(EndOfMessage())
    client.receive_data(b"".join(data for _, data in script))
    head = client.next_event()
    assert isinstance(head, Response)
    pieces = []
    while isinstance(event := client.next_event(), Data):
        pieces.append(bytes(event.data))
    assert isinstance(event, EndOfMessage) or event is NEED_DATA
    return head, pieces


def deltas(script: Script) -> list[Delta]:
    _, pieces = received(script)
    events = b"".join(pieces).split(b"\n\n")
    assert events[-1] == b""
    return [delta(event.removeprefix(b"data: ")) for event in events[:-1]]


@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_a_stream_has_its_tokens_at_their_times(kind: Kind) -> None:
    script = scripts.sse_stream(kind, 5, 100, 10, text="ab", prompt_tokens=7, cached_tokens=3)

    *texts, usage, done = deltas(script)
    if kind == "chat":
        role, *texts = texts
        assert role == Delta()
    assert [each.content for each in texts] == ["ab"] * 5
    assert [each.finish_reason for each in texts] == [None] * 4 + ["length"]
    assert usage.usage == Usage(7, 5, 3)
    assert done.is_done
    times = [time_ns for time_ns, data in script if b"ab" in data]
    assert times == [100, 110, 120, 130, 140]
    assert script[0][0] == 0 and script[-1][0] == 140


def test_tokens_of_one_event() -> None:
    *texts, done = deltas(scripts.sse_stream("completions", 10, 0, 0, text="x", tokens_per_event=4, usage=False))

    assert [each.content for each in texts] == ["xxxx", "xxxx", "xx"]
    assert done.is_done


def test_the_role_can_come_earlier() -> None:
    script = scripts.sse_stream("chat", 1, 100, 0, role_ns=20)

    assert [time_ns for time_ns, data in script if b"assistant" in data] == [20]


def test_equal_events_share_their_bytes() -> None:
    script = scripts.sse_stream("chat", 10_000, 0, 1)

    assert len({id(data) for _, data in script}) < 10


def test_a_json_answer_has_a_length() -> None:
    head, pieces = received(scripts.json_answer({"a": 1}, 429, after_ns=5))

    assert head.status_code == 429
    assert dict(head.headers)[b"content-length"] == b"7"
    assert json.loads(b"".join(pieces)) == {"a": 1}


def test_a_response_that_does_not_end() -> None:
    script = scripts.streamed([(5, b"data: x\n\n")], ends=False)

    assert received(script)[1] == [b"data: x\n\n"]
    assert not script[-1][1].endswith(scripts.LAST_CHUNK)


def test_reasoning_and_token_ids() -> None:
    reasoning = delta(scripts.delta_event("chat", "", reasoning="hm").strip().removeprefix(b"data: "))
    ids = delta(scripts.delta_event("chat", "ab", token_ids=[1, 2]).strip().removeprefix(b"data: "))

    assert (reasoning.reasoning, reasoning.content) == ("hm", "")
    assert (ids.content, ids.tokens, ids.counts_ids) == ("ab", 2, True)


@pytest.mark.parametrize(("tokens", "first_ns", "gap_ns"), [(0, 0, 0), (2, -1, 0), (2, 0, -1)])
def test_impossible_streams_are_refused(tokens: int, first_ns: int, gap_ns: int) -> None:
    with pytest.raises(InvalidValueError):
        scripts.sse_stream("completions", tokens, first_ns, gap_ns)
