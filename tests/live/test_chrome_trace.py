"""Chrome traces of spans, requests and generations."""

from __future__ import annotations

import json
import os
import time


def test_the_trace_holds_what_its_format_asks_for(profiler, generate):
    with profiler.request() as request, request.span('"<script>"'):
        generate("m")
    profiler.span("open").begin(77)

    trace = json.loads(profiler.chrome_trace(60))

    events = trace["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "b", "e", "i"}
    for event in events[1:]:
        assert isinstance(event["ts"], float)
        assert event["pid"] == os.getpid()
        assert event["tid"] > 0
        assert event["ph"] != "X" or event["dur"] >= 0
        assert event["ph"] not in "be" or (event["cat"] and event["id"])
    assert [event["ts"] for event in events[1:]] == sorted(event["ts"] for event in events[1:])
    pairs = [(event["name"], event["id"]) for event in events if event["ph"] == "b"]
    assert {(event["name"], event["id"]) for event in events if event["ph"] == "e"} == set(pairs) - {("open", "0x4d")}


def test_the_trace_keeps_the_last_seconds_only(profiler):
    with profiler.span("old"):
        pass
    time.sleep(0.1)
    with profiler.span("new"):
        pass

    names = {event["name"] for event in json.loads(profiler.chrome_trace(0.05))["traceEvents"]}

    assert names == {"process_name", "new"}
