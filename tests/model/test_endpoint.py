"""A model behind an endpoint: found, planned, loaded and measured, on a scripted server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from inference_bench._native import ScriptedServer
from inference_bench.endpoint.keys import OWNERS
from inference_bench.endpoint.null_server import ROUTES
from inference_bench.endpoint.scripts import json_answer, sse_stream
from inference_bench.errors import EndpointError, InvalidValueError, UnknownNameError
from inference_bench.orchestration.interleaved import Question, Variant, measure_interleaved
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import resume_run, run_benchmarks
from inference_bench.orchestration.server_restart import ServerRestart
from inference_bench.result import Status
from inference_bench.spec import AS_SERVED, ENDPOINT, Setup, Spec
from inference_bench.units import NS_PER_S
from tests.factories import run, spec
from tests.scripted_endpoint import ANSWER, ASK, BEFORE, FIRST_NS, GAP_NS, TOKENS, scripted_endpoint

LOAD = ("serving_load",)


def by_metric(result):
    return {summary.metric: summary for summary in result.summaries}


# Planning


def test_the_set_ups_of_a_request_do_not_multiply_a_model_that_is_served():
    setups = (Setup(dtype="float32"), Setup(dtype="bfloat16"), Setup(threads=2))
    with scripted_endpoint() as (url, _):
        plan = prepare(Spec((url, "null"), LOAD, setups)).plan

    served = [case for case in plan.cases if case.model != "null"]
    assert [(case.setup.device, case.setup.dtype, case.setup.threads) for case in served] == [(ENDPOINT, AS_SERVED, 1)]
    assert len(plan.cases) == 1 + 3


def test_a_name_has_the_model_and_the_server():
    with scripted_endpoint() as (url, server):
        (case,) = prepare(Spec((url,), LOAD)).plan.cases

    assert case.model == f"scripted_at_127_0_0_1_{server.port}"


def test_what_measures_a_process_does_not_apply_to_a_server():
    with scripted_endpoint() as (url, _):
        prepared = prepare(Spec((url,), ("memory_usage", "model_loading_time", "batch_processing", "inference_speed")))

    applicable = [case.benchmark for case in prepared.plan.cases if case.id not in prepared.not_applicable]
    assert set(applicable) == {"inference_speed"}


def test_no_server_another_model_and_no_api_are_refused_before_anything_is_measured():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: the port refuses
        with pytest.raises(EndpointError, match=r"Connection refused.*Start the server"):
            prepare(Spec((f"http://127.0.0.1:{held.getsockname()[1]}/v1",), LOAD))
    with scripted_endpoint() as (url, _):
        with pytest.raises(UnknownNameError, match=r"model of .* 'gpt'.*Known: scripted"):
            prepare(Spec((f"{url}#gpt",), LOAD))
        with pytest.raises(EndpointError, match="Check the path"):
            prepare(Spec((url.replace("/v1", "/v2"),), LOAD))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"rate": ("0",)}, "rate: got '0'"),
        ({"rate": ("nan",)}, "rate: got 'nan'"),
        ({"rate": (10**9,)}, "below 1,000,000"),
        ({"scenario": ("gamma",)}, "gamma:2"),
        ({"scenario": ("gamma:-1",)}, "gamma:2"),
        ({"scenario": ("ramp:fast",)}, "ramp:1"),
        ({"scenario": ("trace:",)}, "trace:FILE"),
        ({"scenario": ("trace:/no/such/file",)}, "/no/such/file"),
    ],
    ids=str,
)
def test_a_load_that_cannot_be_offered_is_refused(axes, message):
    with scripted_endpoint() as (url, _), pytest.raises(InvalidValueError, match=message):
        prepare(Spec((url,), LOAD, axes=axes))


def test_a_bad_line_of_a_trace_is_named(tmp_path):
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"timestamp": 0, "input_length": 5, "output_length": 4, "hash_ids": [1]}\n{"timestamp": -5}\n')

    with (
        scripted_endpoint() as (url, _),
        pytest.raises(InvalidValueError, match=r"trace\.jsonl:2: columns: got 'timestamp'"),
    ):
        prepare(Spec((url,), LOAD, axes={"scenario": (f"trace:{trace}",)}))


# Measuring


def test_a_load_is_recorded_as_the_server_played_it(tmp_path):
    with scripted_endpoint() as (url, server):
        done = run(spec(url, benchmarks=LOAD, **ASK), tmp_path).run
        received = server.requests()

    (result,) = done.results
    assert result.status is Status.OK
    found = by_metric(result)
    assert found["request_ttft"].minimum >= FIRST_NS  # it counts from the planned instant, and nothing comes earlier
    assert found["request_latency"].minimum >= FIRST_NS + (TOKENS - 1) * GAP_NS
    assert found["itl"].n == 8 * (TOKENS - 1)
    assert {found[name].headline.value for name in ("answered", "contract_kept")} == {1.0}
    rows = done.table(result, "requests").to_pylist()
    assert [row["stage"] for row in rows] == ["warmup"] * 4 + ["measured"] * 8 + ["floor"] * 8
    measured = [row for row in rows if row["stage"] == "measured"]
    assert all(row["planned_ns"] <= row["sent_ns"] <= row["first_content_ns"] < row["ended_ns"] for row in measured)
    arrivals = list(received.column("received_ns"))[-8:]
    assert all(row["sent_ns"] <= arrival for row, arrival in zip(measured, arrivals, strict=True))
    assert {(row["completion_tokens"], row["finish_reason"], row["outcome"]) for row in measured} == {
        (TOKENS, "length", "ok")
    }
    chunks = [row for row in done.table(result, "chunks").to_pylist() if row["stage"] == "measured"]
    assert [row["tokens"] for row in chunks] == [1] * (8 * TOKENS)
    assert all(row["kernel_ns"] is None or row["kernel_ns"] <= row["read_ns"] for row in chunks)
    assert result.floor["request_ttft"]["p50"] < found["request_ttft"].minimum


def test_a_single_stream_has_the_samples_of_an_engine_in_process(tmp_path):
    axes = {"input_length": (8,), "new_tokens": (TOKENS,)}
    with scripted_endpoint() as (url, _):
        done = run(spec(url, "null", **axes), tmp_path).run

    served, null = done.results
    assert served.case.parameters["view"] == "stream"
    tags = {"ttft", "itl", "tpot", "e2e", "prefill_rate", "decode_rate"}
    assert tags <= by_metric(served).keys()
    assert tags <= by_metric(null).keys()
    assert by_metric(served)["ttft"].minimum >= FIRST_NS
    assert {"ttft", "itl", "e2e"} <= served.floor.keys()


def test_failed_requests_are_rows_and_a_score_but_have_no_latency(tmp_path):
    busy = json_answer({"error": {"message": "slow down"}}, 429)
    with scripted_endpoint([*BEFORE, *[ANSWER] * 6, *[busy] * 2]) as (url, _):
        done = run(spec(url, benchmarks=LOAD, isolation="inline", **ASK), tmp_path).run

    (result,) = done.results
    found = by_metric(result)
    assert found["answered"].headline.value == 6 / 8
    assert found["request_latency"].n == 6
    assert any("2 of 8 requests failed: 2 × http_status: 429" in note for note in result.notes)
    failed = [row for row in done.table(result, "requests").to_pylist() if row["outcome"] != "ok"]
    assert {(row["outcome"], row["status"]) for row in failed} == {("http_status", 429)}
    assert "slow down" in failed[0]["detail"]
    assert result.grade.letter == "F"
    assert "unanswered" in {finding.code for finding in result.grade.findings}


def test_answers_of_another_length_are_listed_and_left_out(tmp_path):
    short = sse_stream("chat", TOKENS - 1, FIRST_NS, GAP_NS)
    with scripted_endpoint([*BEFORE, *[ANSWER] * 6, *[short] * 2]) as (url, _):
        done = run(spec(url, benchmarks=LOAD, isolation="inline", **ASK), tmp_path).run

    (result,) = done.results
    assert by_metric(result)["contract_kept"].headline.value == 6 / 8
    assert by_metric(result)["request_latency"].n == 6
    assert any("2 of 8 answers not as asked" in note and "asked for 4, got 3" in note for note in result.notes)


def test_figures_of_too_few_answers_are_refused(tmp_path):
    busy = json_answer({"error": {"message": "slow down"}}, 429)
    with scripted_endpoint([*BEFORE, *[ANSWER] * 2, *[busy] * 6]) as (url, _):
        done = run(spec(url, benchmarks=LOAD, isolation="inline", **ASK), tmp_path).run

    (result,) = done.results
    assert "request_latency" not in by_metric(result)
    assert any(note.startswith("INVALID: only 2 of 8 requests") for note in result.notes)


def test_a_server_that_answers_nothing_fails_the_case_with_its_words(tmp_path):
    broken = json_answer({"error": {"message": "out of order"}}, 500)
    with scripted_endpoint([broken]) as (url, _):
        done = run(spec(url, benchmarks=LOAD, isolation="inline", **ASK), tmp_path).run

    (result,) = done.results
    assert result.status is Status.FAILED
    assert "out of order" in result.failure.cause


def test_the_key_reaches_the_server_and_no_file(tmp_path, monkeypatch):
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("INFERENCE_BENCH_ENDPOINT_KEY", secret)
    broken = json_answer({"error": {"message": f"bad key {secret}"}}, 401)
    with scripted_endpoint([*BEFORE, *[ANSWER] * 6, *[broken] * 2]) as (url, server):
        folder = run(spec(url, benchmarks=LOAD, **ASK), tmp_path).folder
        sent = [server.request_bytes(number) for number in range(len(server.requests()))]

    assert all(f"Authorization: Bearer {secret}".encode() in request for request in sent)
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {path.relative_to(folder).as_posix(): text_in(path) for path in files}
    assert {name.partition("/")[0] for name in texts} >= {"run.json", "logs", "samples", "scores", "requests", "chunks"}
    assert "bad key (set)" in next(text for name, text in texts.items() if name.startswith("requests/"))
    assert not [name for name, text in texts.items() if secret in text]


GAUGES = b"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 3\n"
METRICS = (0, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(GAUGES), GAUGES))


def test_the_servers_metrics_are_a_table_on_the_clock_of_the_requests(tmp_path):
    with ScriptedServer([ANSWER], routes={"GET /metrics ": [METRICS], **ROUTES}) as server:
        done = run(spec(f"http://127.0.0.1:{server.port}/v1", benchmarks=LOAD, isolation="inline", **ASK), tmp_path).run

    (result,) = done.results
    rows = done.table(result, "server_readings").to_pylist()
    planned = [row["planned_ns"] for row in done.table(result, "requests").to_pylist() if row["stage"] == "measured"]
    assert {(row["stage"], row["series"], row["meaning"], row["value"]) for row in rows} == {
        ("measured", "vllm:num_requests_running", "running", 3.0)
    }
    assert rows[0]["time_ns"] < min(planned) < max(planned) < rows[-1]["time_ns"]


@pytest.mark.parametrize(
    ("benchmark", "more"), [("serving_load", {}), ("inference_speed", {"requests": (), "rate": ()})]
)
def test_completions_are_asked_for_where_the_case_says_so(benchmark, more, tmp_path):
    script = sse_stream("completions", TOKENS, FIRST_NS, GAP_NS, prompt_tokens=0)
    axes = {name: values for name, values in (ASK | more | {"api": ("completions",)}).items() if values}
    with scripted_endpoint([script]) as (url, server):
        done = run(spec(url, benchmarks=(benchmark,), **axes), tmp_path).run
        sent = [server.request_bytes(number) for number in range(len(server.requests()))]

    (result,) = done.results
    assert result.status is Status.OK
    asked = [request for request in sent if request.startswith(b"POST /v1/")]
    assert asked
    assert all(request.startswith(b"POST /v1/completions ") and b'"prompt"' in request for request in asked)
    assert {"itl"} <= by_metric(result).keys() & result.floor.keys()


def test_an_interface_that_does_not_exist_is_refused():
    with scripted_endpoint() as (url, _), pytest.raises(UnknownNameError, match=r"api 'responses'.*chat, completions"):
        prepare(Spec((url,), LOAD, axes={"api": ("responses",)}))


def test_each_of_two_endpoints_gets_its_own_key(tmp_path, monkeypatch):
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(name, f"secret-of-{name.lower()}")
    with scripted_endpoint() as (first, of_first), scripted_endpoint() as (second, of_second):
        monkeypatch.setenv(OWNERS, f"ONE@{first} TWO@{second}")
        folder = run(spec(first, second, benchmarks=LOAD, **ASK), tmp_path).folder
        sent = [
            {line for k in range(len(server.requests())) for line in server.request_bytes(k).split(b"\r\n")}
            for server in (of_first, of_second)
        ]

    for lines, owner in zip(sent, (b"one", b"two"), strict=True):
        assert {line for line in lines if line.startswith(b"Authorization")} == {
            b"Authorization: Bearer secret-of-" + owner
        }
    assert not [path for path in folder.rglob("*") if path.is_file() and "secret-of-" in text_in(path)]


def text_in(path):
    """Return the text of a file; of a Parquet file that of its metadata and of every column."""
    if path.suffix != ".parquet":
        return path.read_text()
    table = pq.read_table(path)
    return f"{table.schema.metadata} {table.to_pydict()}"


def test_a_resumed_run_finds_its_server_and_measures_nothing_twice(tmp_path):
    with scripted_endpoint() as (url, _):
        first = run(spec(url, benchmarks=LOAD, **ASK), tmp_path)
        again = asyncio.run(resume_run(first.folder, force=True))

    assert again.run.results == first.run.results


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_mid_load_keeps_what_had_ended(times, tmp_path):
    class Stops(Progress):
        """Stops the run when the load has begun to be answered, at once twice if asked to."""

        stopped = False

        def case_progress(self, case, progress):
            for _ in range(0 if self.stopped else times):
                os.kill(os.getpid(), signal.SIGINT)
            self.stopped = True

    hour = sse_stream("chat", TOKENS, 3_600_000_000_000, GAP_NS)
    axes = {**ASK, "scenario": ("concurrent",)}
    with scripted_endpoint([*BEFORE, *[ANSWER] * 6, *[hour] * 2]) as (url, _):
        request = spec(url, benchmarks=LOAD, **axes)
        first = asyncio.run(run_benchmarks(request, output=tmp_path, progress=Stops(), handle_signals=True))
    assert first.interrupted
    (result,) = first.run.results
    assert result.status is Status.INTERRUPTED
    outcomes = [row["outcome"] for row in first.run.table(result, "requests").to_pylist() if row["stage"] == "measured"]
    assert set(outcomes) <= {"ok", "interrupted", "unsent"}
    assert "interrupted" in outcomes
    assert outcomes.count("ok") >= 1


# Servers that do not answer as they should: one clear line each

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
HOUR_NS = 3_600_000_000_000


REDIRECT = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://other/v1\r\nContent-Length: 0\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"

WRONG = {
    "redirect": ([(0, REDIRECT)], "keep", "redirects to http://other/v1"),
    "gzip": ([(0, HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")], "keep", "wrong_encoding: gzip"),
    "chunk_2_63": ([(0, HEAD + b"Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\n")], "keep", "too_large"),
    "head_1_mb": ([(0, HEAD + b"X: " + b"x" * 2**20 + b"\r\n\r\n")], "keep", "malformed|too_large"),
    "no_http": ([(0, b"SSH-2.0-OpenSSH_9.6\r\n")], "close", "malformed|reset"),
    "reset": ([(0, HEAD + b"Content-Length: 100\r\n\r\ndata: {")], "reset", "reset"),
    "html": ([(0, PAGE)], "keep", "wrong_content_type: text/html"),
    "no_json": ([(0, HEAD + b"Content-Length: 12\r\n\r\ndata: nope\n\n")], "keep", "malformed_sse"),
    "stalls": ([(0, HEAD + b"Content-Length: 20\r\n\r\n"), (HOUR_NS, b"data: [DONE]\n\n")], "keep", "timeout"),
    "silent": ([(HOUR_NS, b"HTTP/1.1 200 OK\r\n\r\n")], "keep", "timeout"),
}
"""What a server sends, what it does with the connection, and the words for it."""


@pytest.mark.parametrize(("script", "close", "line"), WRONG.values(), ids=WRONG)
def test_a_request_that_goes_wrong_is_named_in_one_line(tmp_path, script, close, line):
    closes = ["keep"] * (len(BEFORE) + 6) + [close] * 2
    axes = {**ASK, "request_timeout": (2,)}
    with scripted_endpoint([*BEFORE, *[ANSWER] * 6, *[tuple(script)] * 2], closes) as (url, _):
        done = run(spec(url, benchmarks=LOAD, isolation="inline", **axes), tmp_path).run

    (result,) = done.results
    (note,) = [note for note in result.notes if "of 8 requests failed" in note]
    assert re.search(line, note)
    assert "\n" not in note
    assert by_metric(result)["request_latency"].n == 6


def test_a_server_that_is_started_anew_before_each_turn_is_waited_for(tmp_path):
    marks = tmp_path / "restarts"
    with scripted_endpoint() as (url, _):
        restart = ServerRestart(f"echo >> {marks}", limit_s=30)
        sides = [Variant(name, spec(url, runs=2, input_length=(8,), new_tokens=(TOKENS,))) for name in "ab"]
        sides[0] = replace(sides[0], restart=restart)
        outcome = asyncio.run(
            measure_interleaved(sides, Question(may_stop=False), output=tmp_path, time_ns=60 * NS_PER_S)
        )

    assert len(marks.read_text().splitlines()) == 1 + 2  # to be asked what it serves, and before each turn
    assert {row.metric for row in outcome.comparison.rows} >= {"ttft", "itl", "e2e"}
    assert "client_lag" not in {row.metric for row in outcome.comparison.rows}


@pytest.mark.parametrize(("command", "line"), [("exit 3", "exit code 3"), ("sleep 60", "ends within 0.2 s")])
def test_a_server_that_cannot_be_started_anew_is_named(command, line):
    with pytest.raises(EndpointError, match=line):
        asyncio.run(ServerRestart(command, limit_s=0.2).carry_out([]))
