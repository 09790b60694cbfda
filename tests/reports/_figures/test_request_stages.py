"""Charts of requests that client and server both recorded."""

from __future__ import annotations

import pytest

from inference_bench.analysis.serving.stage_durations import STAGES
from inference_bench.endpoint.failure import Failure, FailureKind
from inference_bench.reports._figures.of_run import figures
from inference_bench.testing import write_run
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.loads import load_result, queued_requests
from tests.served import served_request, with_both_sides

MS = NS_PER_MS
TOOK = tuple(ms * MS for ms in (1, 0, 2, 3, 10, 20, 4, 5))
"""Each stage of a request."""


def request(number, **more):
    return served_request(number, planned_ns=number * NS_PER_S, token_ns=[number * NS_PER_S + 40 * MS], **more)


def charts(folder, *requests):
    run = write_run(folder, load_result([requests], rate=10, requests=len(requests)))
    return {figure.title: figure for figure in figures(run)}


@pytest.fixture
def drawn(tmp_path):
    """Draw two joined requests, one that the server did not tell of, and one that failed."""
    return charts(
        tmp_path,
        with_both_sides(request(0), *TOOK, residual_ns=5 * MS),
        with_both_sides(request(1), *TOOK, residual_ns=5 * MS),
        request(2),
        request(3, failure=Failure(FailureKind.RESET)),
    )


def test_the_strip_shows_a_request_over_both_sides(drawn):
    figure = drawn["Requests over time"]
    bars = {one.name: [(p.y, round(p.start, 6), round(p.x, 6)) for p in one.points] for one in figure.series}

    assert list(bars) == [
        *("waits to be sent", "to the server", "queue in the server", "prefill", "decode", "back to the client"),
        *("not told by the server", "failed"),
    ]
    assert [bars[name][0] for name in list(bars)[:6]] == [
        (1, 0, 0.001),
        (1, 0.001, 0.003),
        (1, 0.003, 0.006),
        (1, 0.006, 0.016),
        (1, 0.016, 0.036),
        (1, 0.036, 0.050),
    ]
    assert bars["not told by the server"] == [(3, 2, 2.04)]
    assert [y for y, _, _ in bars["failed"]] == [4]
    assert figure.series[0].points[0].text.endswith("back to the client 14.0 ms, residual 5.00 ms")
    assert "Client and server on one clock." in figure.note


def test_the_bars_of_the_stages_are_medians_and_the_table_adds_residual_and_total(drawn):
    figure = drawn["Where the time of requests goes"]

    assert figure.y.names == (*STAGES, "residual")
    assert [point.x for point in figure.series[0].points] == [1, 0, 2, 3, 10, 20, 4, 5, 5]
    rows = {row[0].text: [cell.text for cell in row[1:]] for (row,) in figure.data.sections}
    assert rows["decode"] == ["20.0 ms", "needs 6", "40.0%"]
    assert rows["residual"] == ["5.00 ms", "needs 6", "10.0%"]
    assert rows["total"] == ["50.0 ms", "needs 6", "100.0%"]
    assert figure.note.startswith("2 requests that client and server both recorded")


def test_intervals_are_drawn_where_there_are_enough_requests(tmp_path):
    found = charts(tmp_path, *[with_both_sides(request(number), *TOOK) for number in range(12)])

    points = found["Where the time of requests goes"].series[1].points
    assert points[5].x_ends == (20, 20)
    assert points[5].is_sure
    assert points[5].text.startswith("decode: median 20.0 ms [20.0 ms, 20.0 ms], 44.4% of the time · until the last")


def test_a_load_whose_server_tells_nothing_has_no_chart_of_stages(tmp_path):
    assert "Where the time of requests goes" not in charts(tmp_path, *queued_requests(10, 20))
