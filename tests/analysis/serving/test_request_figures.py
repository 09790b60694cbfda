from __future__ import annotations

import numpy as np

from inference_bench.analysis.serving.request_figures import request_figures
from inference_bench.result import Requests, Samples
from inference_bench.testing import make_result

NO = np.nan
LATENCY, TTFT, TPOT = "request_latency", "request_ttft", "request_tpot"


def samples(*rows):
    """Return samples from (run, iteration, stage, metric, start, value)."""
    names = ("run", "iteration", "stage", "metric", "start_ns", "value")
    part = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return Samples.joined([{**part, "phase": ""}])


def requests(*rows):
    """Return requests from (run, stage, request, planned, last content, ended, outcome)."""
    names = ("run", "stage", "request", "planned_ns", "last_content_ns", "ended_ns", "outcome")
    return Requests.joined([{name: [row[place] for row in rows] for place, name in enumerate(names)}])


def known(found):
    return {name: figure.tolist() for name, figure in found.figures.items() if not np.isnan(figure).all()}


def test_a_request_is_a_row_with_the_samples_of_its_iteration():
    found = request_figures(
        samples(
            (0, 0, "cold", LATENCY, 0, 900),
            (0, 2, "measured", LATENCY, 200, 50),
            (0, 2, "measured", TPOT, 220, 5),
            (0, 1, "measured", LATENCY, 100, 500),
            (0, 9, "measured", LATENCY, 100, 500),  # of no request
            (1, 1, "measured", LATENCY, 90, 60),
            (1, 1, "measured", TTFT, 90, 20),
        ),
        requests(
            (0, "warmup", 0, 0, 900, 901, "ok"),
            (0, "measured", 1, 200, 250, 251, "ok"),
            (0, "measured", 0, 100, 600, 601, "ok"),
            (0, "floor", 0, 700, 701, 701, "ok"),
            (1, "measured", 0, 90, 150, 151, "ok"),
        ),
    )
    assert found is not None
    assert found.run.tolist() == [0, 0, 1]
    assert found.planned_ns.tolist() == [100, 200, 90]
    assert found.ended_ns.tolist() == [601, 251, 151]
    assert not found.failed.any()
    assert not found.unseen.any()
    np.testing.assert_equal(known(found), {LATENCY: [500, 50, 60], TTFT: [NO, NO, 20], TPOT: [NO, 5, NO]})
    assert [rows.tolist() for rows in found.by_run()] == [[0, 1], [2]]


def test_what_has_no_answer_failed_and_what_was_not_waited_for_is_unknown():
    found = request_figures(
        None,
        requests(
            (0, "measured", 0, 0, 9, 10, "ok"),
            (0, "measured", 1, 1, -1, 10, "ok"),
            (0, "measured", 2, 2, 9, 10, "error_event"),
            (0, "measured", 3, 3, 9, 10, "interrupted"),
            (0, "measured", 4, 4, -1, -1, "unsent"),
        ),
    )
    assert found.failed.tolist() == [False, True, True, False, False]
    assert found.unseen.tolist() == [False, False, False, True, True]
    assert found.ended_ns[4] > 10**18
    assert np.isnan(found.figure(LATENCY)).all()


def test_a_run_without_a_table_of_requests_has_them_as_samples():
    found = request_figures(
        samples(
            (0, 2, "measured", LATENCY, 200, 50),
            (0, 2, "measured", TTFT, 200, 20),
            (0, 1, "measured", LATENCY, 100, 500),
        ),
        None,
    )
    assert found.planned_ns.tolist() == [100, 200]
    assert found.ended_ns.tolist() == [600, 250]
    np.testing.assert_equal(known(found), {LATENCY: [500, 50], TTFT: [NO, 20]})


def test_what_is_no_load_has_no_requests():
    assert request_figures(make_result({"ttft": [[5_000_000] * 40]}).samples, None) is None
    assert request_figures(None, requests((0, "warmup", 0, 0, 9, 10, "ok"))) is None
    assert request_figures(None, None) is None
