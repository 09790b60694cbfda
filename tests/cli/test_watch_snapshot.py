"""What another process sends to ``watch``: a snapshot, or one clear error, whatever its types are."""

from __future__ import annotations

import copy
import json
import re
from io import StringIO

import pytest
from rich.console import Console

from inference_bench.cli._watch.snapshot import parse_snapshot
from inference_bench.cli._watch.view import View
from inference_bench.live import Profiler
from inference_bench.live.watch_encoding import encode

VALUES = [
    None,
    True,
    "x",
    "",
    [],
    {},
    -1,
    0,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    [1],
    [[1]],
    {"a": 1},
    [{}],
]


@pytest.fixture(scope="module")
def plain():
    with Profiler("svc", max_series=16) as profiler:
        profiler.counter("hits").inc()
        profiler.gauge("cache_bytes").set(5)
        profiler.histogram("waits").observe_ns(1000)
        with profiler.span("work"):
            pass
        return json.loads(encode(profiler.snapshot()))


def places(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def changed(plain, path, new):
    made = {"": copy.deepcopy(plain)}
    holder = made
    for key in ("", *path[:-1]) if path else ():
        holder = holder[key]
    holder[path[-1] if path else ""] = new
    return made[""]


def without(plain, path):
    made = copy.deepcopy(plain)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return made


def drawn(*snapshots):
    view, out = View(), StringIO()
    for snapshot in snapshots:
        view.add(snapshot)
    console = Console(file=out, width=120)
    for line in view.page(120):
        console.print(line, soft_wrap=True)
    for width, height in ((80, 24), (20, 5), (1, 1)):
        assert len(view.screen(width, height)) <= height
    return out.getvalue()


def test_any_value_anywhere_is_drawn_or_refused(plain):
    refused = shown = 0
    for path in places(plain):
        mutants = [changed(plain, path, value) for value in VALUES]
        if path and isinstance(path[-1], str):
            mutants.append(without(plain, path))
        for mutant in mutants:
            try:
                snapshot = parse_snapshot(json.dumps(mutant).encode())
            except ValueError:
                refused += 1
                continue
            shown += 1
            assert drawn(snapshot)
            assert drawn(plain, snapshot)
    assert refused > 300 and shown > 100


@pytest.mark.parametrize("line", [b"", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5_000, b'{"name": "x"}'])
def test_what_is_no_snapshot_is_refused(line):
    with pytest.raises(ValueError):
        parse_snapshot(line)


def test_a_snapshot_of_before_the_field_counts_as_running(plain):
    assert "not running" not in drawn(parse_snapshot(json.dumps(without(plain, ("running",))).encode()))
    assert "not running" in drawn(parse_snapshot(json.dumps(changed(plain, ("running",), False)).encode()))


def test_long_labels_are_shown_whole_on_a_narrow_terminal(plain):
    labels = ['http_request{method="GET",route="/v1/%s",status="200"}' % ("completions" * n) for n in (3, 4)]
    snapshot = changed(plain, ("histograms",), dict.fromkeys(labels, plain["histograms"]["waits"]))
    view, out = View(), StringIO()
    view.add(snapshot)
    for line in view.page(80):
        Console(file=out, width=80).print(line, soft_wrap=True)

    assert "…" not in out.getvalue()
    assert "requests · GET 200" in out.getvalue()
    names = "".join(re.sub(r"  .*", "", line) for line in out.getvalue().splitlines())
    assert f"/v1/{'completions' * 3}http_request /v1/{'completions' * 4}" in names
