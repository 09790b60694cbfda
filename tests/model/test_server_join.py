"""Loads joined with the stages that the example server tells, in the tables of a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.endpoint.example import example_server
from inference_bench._native import now_ns
from inference_bench.analysis.serving.stage_durations import STAGES, stage_durations
from inference_bench.clock_scale import clock_scale
from inference_bench.columns import UNKNOWN_DIFFERENCE
from inference_bench.endpoint.client import Client
from inference_bench.model.endpoint.server_join import with_both_sides
from inference_bench.model.offered_load import ServedLoad
from inference_bench.result import Requests, Stage
from inference_bench.results.parquet_table import from_arrow
from tests.endpoint.canned_server import Canned, canned_server
from tests.endpoint.recorded import RecordedLoad, Response
from tests.factories import run, spec
from tests.scripted_endpoint import ASK, scripted_endpoint
from tests.served import served_request
from tests.tiny_chat import tiny_chat_weights

TOLD = (
    *("server_request", "server_received_ns", "queue_ns", "prefill_ns", "decode_ns", "hand_over_ns", "residual_ns"),
    *("server_first_ns", "server_sent_ns", "clock_uncertainty_ns"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Measure a load and a single stream on the example server."""
    folder = tmp_path_factory.mktemp("both_sides")
    with example_server("--weights", str(tiny_chat_weights(folder / "weights"))) as (_, address):
        asked = spec(
            f"{address}/v1",
            benchmarks=("serving_load", "inference_speed"),
            requests=(12,),
            rate=("40",),
            input_length=(32,),
            new_tokens=(6,),
        )
        return run(asked, folder / "runs")


def table(outcome, benchmark):
    """Return the result of a benchmark and its requests, as the run's files have them."""
    (result,) = [each for each in outcome.run.results if each.case.benchmark == benchmark]
    return result, from_arrow(outcome.run.table(result, "requests"), Requests)


@pytest.mark.parametrize("benchmark", ["serving_load", "inference_speed"])
def test_each_request_has_the_stages_of_both_sides_in_their_order(runs, benchmark):
    _, requests = table(runs, benchmark)
    told = requests.stage != "floor"

    assert np.count_nonzero(requests.stage == Stage.MEASURED.value) > 1
    assert len(np.unique(requests.server_request[told])) == np.count_nonzero(told)
    instants = ("planned_ns", "sent_ns", "server_received_ns", "server_first_ns", "server_sent_ns", "ended_ns")
    in_order = np.stack([getattr(requests, name)[told] for name in instants])
    assert (np.diff(in_order, axis=0) >= 0).all()
    assert (requests.server_first_ns[told] <= requests.first_content_ns[told]).all()
    assert (requests.clock_uncertainty_ns[told] == 0).all()  # one machine, one clock


@pytest.mark.parametrize("benchmark", ["serving_load", "inference_speed"])
def test_stages_and_residual_sum_up_to_the_whole_request(runs, benchmark):
    _, requests = table(runs, benchmark)
    rows = np.flatnonzero(requests.stage != "floor")

    found = stage_durations(requests, rows)

    assert found.stages_ns.shape == (len(rows), len(STAGES))
    assert (found.stages_ns >= 0).all()
    assert (found.residuals_ns == requests.residual_ns[rows]).all()
    assert (
        found.stages_ns.sum(axis=1) + found.residuals_ns == requests.ended_ns[rows] - requests.planned_ns[rows]
    ).all()
    assert found.residuals_ns.sum() <= 0.05 * found.totals_ns.sum()


@pytest.mark.parametrize("benchmark", ["serving_load", "inference_speed"])
def test_a_note_says_where_the_time_went(runs, benchmark):
    result, requests = table(runs, benchmark)

    (note,) = [note for note in result.notes if note.startswith("the time of ")]

    measured = np.count_nonzero(requests.stage == Stage.MEASURED.value)
    assert note.startswith(f"the time of {measured} requests over client and server: ")
    assert "decode " in note
    assert note.endswith("%; both read one clock")


def test_the_null_server_tells_nothing_and_its_rows_say_so(runs):
    _, requests = table(runs, "serving_load")
    floor = requests.stage == "floor"

    assert floor.any()
    assert {int(value) for name in TOLD for value in getattr(requests, name)[floor]} == {-1, UNKNOWN_DIFFERENCE}


def test_a_server_without_live_gets_no_further_question_and_has_no_values(tmp_path):
    with scripted_endpoint() as (url, server):
        outcome = run(spec(url, benchmarks=("serving_load",), **ASK), tmp_path)
        asked = [server.request_bytes(number) for number in range(len(server.requests()))]

    result, requests = table(outcome, "serving_load")
    assert not [line for line in asked if line.startswith(b"GET /requests/")]
    assert any(b"x-inference-bench: 1\r\n" in line for line in asked)
    assert (requests.server_received_ns == -1).all()
    assert not [note for note in result.notes if note.startswith("the time of ")]


def joined_with(body, status=200):
    """Join a load of two requests, of which the second failed, with what a server answers; nothing else is served."""
    answer = Response([(b"a", 1)], headers="X-Inference-Bench-Request: 7\r\n")
    load = RecordedLoad(answer, replace(answer, outcome="timeout"))
    with canned_server({"/requests/?ids=7,7": Canned(body, status), "/requests/?ids=": Canned(body, status)}) as server:
        served = ServedLoad((served_request(0), served_request(1)), notes=("before",))
        return with_both_sides(Client(server.address.root), load, served)


@pytest.mark.parametrize(
    ("body", "status", "note"),
    [
        ({"detail": "Not Found"}, 404, "the server's stages of the requests are unknown: endpoint http://127.0.0.1:"),
        (
            {"clock": {"now_ns": now_ns(), "scale": clock_scale(), "description": {}}, "requests": []},
            200,
            "1 request could not be joined with the server: 1 because the server has no records of it",
        ),
    ],
)
def test_why_requests_were_not_joined_is_a_note_and_the_load_stays(body, status, note):
    found = joined_with(body, status)

    assert [request.both_sides for request in found.requests] == [None, None]
    kept, said = found.notes
    assert kept == "before"
    assert said.startswith(note)
    assert "\n" not in said
