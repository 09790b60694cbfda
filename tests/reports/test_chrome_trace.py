"""A run as a Chrome trace."""

from __future__ import annotations

import json

import pytest

from inference_bench.endpoint.failure import Failure, FailureKind
from inference_bench.testing import make_result, write_run
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US
from tests.breakdowns import operations, result_with_breakdown
from tests.loads import load_result
from tests.report_parts import render, speed
from tests.served import served_request, with_both_sides

MS = NS_PER_MS
TOOK = tuple(ms * MS for ms in (1, 0, 2, 3, 10, 20, 4, 5))
SENT_BACK_NS, DONE_NS = NS_PER_S + 40 * MS, NS_PER_S + 45 * MS


def events_of(run):
    return json.loads(render("chrome_trace", run=run))["traceEvents"]


@pytest.fixture
def events(tmp_path):
    """Return the events of a load of three requests: joined, seen by the client only, and failed."""
    requests = [
        with_both_sides(served_request(0, planned_ns=NS_PER_S, token_ns=[NS_PER_S + 18 * MS, SENT_BACK_NS]), *TOOK),
        served_request(1, planned_ns=NS_PER_S, lag_ns=MS, token_ns=[NS_PER_S + 9 * MS]),
        served_request(2, planned_ns=NS_PER_S, failure=Failure(FailureKind.RESET)),
    ]
    return events_of(write_run(tmp_path, load_result([requests], rate=10, requests=3)))


def of_request(events, number):
    return [event for event in events if event.get("id", "").endswith(f"measured {number}")]


def test_a_request_stands_on_one_line_over_both_sides(events):
    found = [event for event in of_request(events, 0) if event["ph"] == "b"]
    milliseconds = [round(event["ts"] * NS_PER_US / MS) - 1000 for event in found]

    assert list(zip([event["name"] for event in found], milliseconds, strict=True)) == [
        ("request 0", 0),
        ("waits to be sent", 0),
        ("to the server", 1),
        ("queue in the server", 3),
        ("prefill", 6),
        ("decode", 16),
        ("back to the client", 36),
    ]
    assert found[0]["args"] == {"stage": "measured", "process": 0, "outcome": "ok", "server_request": 100}


def test_instants_are_those_of_the_answer(events):
    instants = {(e["name"], e["ts"] * NS_PER_US) for e in of_request(events, 0) if e["ph"] == "n"}

    assert instants == {
        ("last bytes handed over", SENT_BACK_NS),
        ("content arrives", NS_PER_S + 18 * MS),
        ("content arrives", SENT_BACK_NS),
    }


def test_every_part_that_begins_ends_within_its_request(events):
    for number, last_ns in ((0, DONE_NS), (1, NS_PER_S + 9 * MS), (2, NS_PER_S)):
        of = of_request(events, number)
        begun = [event["name"] for event in of if event["ph"] == "b"]
        assert sorted(begun) == sorted(event["name"] for event in of if event["ph"] == "e")
        assert max(event["ts"] for event in of) == last_ns / NS_PER_US


def test_requests_of_the_client_alone_and_failed_ones_have_their_parts(events):
    names = [[e["name"] for e in of_request(events, n) if e["ph"] == "b"] for n in (1, 2)]

    assert names == [
        ["request 1", "waits to be sent", "to the first content", "to the last content"],
        ["request 2", "waits to be sent", "failed"],
    ]


def test_a_case_without_requests_shows_its_timed_samples(tmp_path):
    result = make_result({"ttft": [[900, 500, 700]], "uss_end": [[4096]]}, phases={"ttft": "prefill"})
    name, *others = events_of(write_run(tmp_path, result))

    assert name == {"name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": result.case.slug}}
    timed = [event for event in others if event["ph"] == "X"]
    assert [(event["name"], round(event["dur"] * NS_PER_US)) for event in timed] == [
        ("prefill", 900),
        ("prefill", 500),
        ("prefill", 700),
    ]
    assert [event["args"]["iteration"] for event in timed] == [0, 1, 2]


def test_a_run_in_memory_has_names_only():
    assert [event["ph"] for event in json.loads(render("chrome_trace", speed()))["traceEvents"]] == ["M"]


def test_a_breakdown_stands_below_the_samples_on_their_clock(tmp_path):
    events = events_of(write_run(tmp_path, result_with_breakdown(operations((1.0,)))))
    lines = {each["tid"]: each["args"]["name"] for each in events if each["name"] == "thread_name"}
    of_hooks = [each for each in events if lines.get(each["tid"], "").startswith("breakdown by hooks") and "ts" in each]

    assert [each["name"] for each in of_hooks] == [
        *("decode", "Net", "layers.0", "layers.0.mlp", "layers.1", "layers.1.mlp")
    ]
    assert (of_hooks[0]["ts"], of_hooks[0]["dur"]) == (NS_PER_S / NS_PER_US, 100 * MS / NS_PER_US)
    assert of_hooks[3]["args"] == {"step": "decode", "module": "layers.0.mlp", "repetition": 0}
