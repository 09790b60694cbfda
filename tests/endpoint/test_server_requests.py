"""What is asked of a server with ``RequestsEndpoint``, and what other servers answer."""

from __future__ import annotations

import pytest

from inference_bench._native import now_ns
from inference_bench.clock_scale import clock_scale
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.server_requests import ask_stages, request_id
from inference_bench.errors import EndpointError
from inference_bench.server_stages import ServerStages
from tests.endpoint.canned_server import Canned, canned_server


def clock(**changed):
    return {"now_ns": now_ns(), "scale": "another", "description": {"source": "tsc"}} | changed


def asked(body, ids=(1,), status=200):
    with canned_server({"/requests/?ids=1": Canned(body, status), "/requests/?ids=": Canned(body, status)}) as server:
        return ask_stages(Client(server.address.root), ids)


def test_stages_are_read_and_fields_of_later_versions_left_out():
    told = asked({"clock": clock(), "requests": [{"id": 1, "received_ns": 5, "ended_ns": None, "later": 3}]})

    assert told.stages == {1: ServerStages(1, received_ns=5)}
    assert told.description == {"source": "tsc"}


def test_a_clock_of_another_scale_is_read_many_times():
    before_ns, (first, *others) = now_ns(), asked({"clock": clock(), "requests": []}).trips

    assert before_ns <= first.sent_ns < first.returned_ns <= now_ns()
    assert first.received_ns == first.replied_ns
    assert len(others) >= 16


def test_our_own_scale_needs_no_reading():
    assert asked({"clock": clock(scale=clock_scale()), "requests": []}).trips == ()


def test_a_scale_that_is_not_known_is_not_ours(monkeypatch):
    monkeypatch.setattr("inference_bench.endpoint.server_requests.clock_scale", lambda: "")

    assert asked({"clock": clock(scale=""), "requests": []}).trips


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"detail": "Not Found"}, 404, "Mount live.requests_endpoint.RequestsEndpoint there."),
        ({"error": "a token is needed"}, 403, "Give the token"),
        (b"<html>", 200, "expected the stages of requests"),
        ({"clock": {}, "requests": []}, 200, "expected the stages of requests"),
        ({"clock": clock(now_ns="1"), "requests": []}, 200, "expected the stages of requests"),
        ({"clock": clock(), "requests": [{}]}, 200, "expected the stages of requests"),
        ({"clock": clock(), "requests": [{"id": 1, "received_ns": "x"}]}, 200, "expected the stages of requests"),
        ({"clock": clock(), "requests": [{"id": 1, "received_ns": 1 << 70}]}, 200, "expected the stages of requests"),
        ({"clock": clock(now_ns=-1), "requests": []}, 200, "expected the stages of requests"),
        ({"clock": clock(), "requests": [7]}, 200, "expected the stages of requests"),
    ],
)
def test_what_is_no_such_endpoint_is_said_in_one_line(body, status, said):
    with pytest.raises(EndpointError, match=said) as raised:
        asked(body, status=status)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("head", "number"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Inference-Bench-Request:  17 \r\n\r\n", 17),
        (b"HTTP/1.1 200 OK\r\nx-inference-bench-request: 17", 17),
        (b"HTTP/1.1 200 OK\r\nx-inference-bench-request: -17\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nx-inference-bench-request: 1a\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nother: x-inference-bench-request: 17\r\n\r\n", None),
        (b"", None),
    ],
)
def test_the_number_of_a_request_stands_in_the_head(head, number):
    assert request_id(head) == number
