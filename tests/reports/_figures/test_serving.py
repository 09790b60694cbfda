"""The charts of a serving load: objectives, failures, the schedule, and a strip of requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.endpoint.failure import Failure, FailureKind
from inference_bench.reports._figures.figure import Shape
from inference_bench.reports._figures.of_run import figures
from inference_bench.reports._figures.svg import draw
from inference_bench.result import ServerReadings
from inference_bench.results.run import load_run
from inference_bench.testing import write_run
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.loads import capacity_result, load_result, load_run_of, queued_requests
from tests.served import served_request

SLOS = ("e2e.p90<=100ms", "failures<=10%")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    run = load_run_of(tmp_path_factory.mktemp("out"), slos=SLOS, fails=40)
    return {figure.title: figure for figure in figures(run)}


def series(figure):
    return {each.name: each.points for each in figure.series}


def of_requests(folder, *requests):
    run = write_run(folder, load_result([requests], rate=10, requests=len(requests)))
    return {figure.title: figure for figure in figures(run)}


def test_an_objective_is_a_line_across_what_was_measured(drawn):
    figure = drawn["Latency p90 against rate, e2e.p90<=100ms"]
    (points,) = series(figure).values()
    assert [(level.y, level.text) for level in figure.levels] == [(100, "objective: 100 ms")]
    assert [point.x for point in points] == [10, 20, 40]
    assert [point.is_sure for point in points] == [True, True, False]
    assert points[0].text.startswith("PASS at 10 requests/s: 37.7 ms, 584 of 600 requests good")
    assert figure.note == "Hollow: not enough data for a verdict."
    assert figure.y.high > 100


def test_an_objective_without_a_limit_is_no_chart(drawn):
    assert not any("failures<=" in title for title in drawn)


def test_failures_are_counted_by_kind_over_all_processes(drawn):
    figure = drawn["Failed requests by kind"]
    (points,) = series(figure).values()
    counts = dict(zip(figure.y.names, (point.x for point in points), strict=True))
    assert counts == {"http status": 18, "reset": 18, "timeout": 12}


def test_late_sends_stand_above_the_line(drawn):
    figure = drawn["Schedule and late sends"]
    points = series(figure)
    (level,) = figure.levels
    assert level.y == 1
    assert all(point.y > 1 for point in points["sent late"])
    assert all(point.y <= 1 for point in points["sent in time"])
    assert len(points["sent late"]) + len(points["sent in time"]) == 200  # thinned, with every peak
    assert figure.note.startswith("25 of 300 requests late.")


def test_the_strip_has_the_parts_of_each_request(tmp_path):
    reset = Failure(FailureKind.RESET)
    stamps = [[tick * NS_PER_MS for tick in of] for of in ((50, 90), (170,), (160, 190))]
    found = of_requests(
        tmp_path,
        served_request(0, planned_ns=0, lag_ns=2 * NS_PER_MS, token_ns=stamps[0]),
        served_request(1, planned_ns=100 * NS_PER_MS, token_ns=stamps[1], failure=reset),
        served_request(2, planned_ns=150 * NS_PER_MS, token_ns=stamps[2]),
    )
    figure = found["Requests over time"]
    bars = {name: [(p.y, round(p.start, 6), round(p.x, 6)) for p in of] for name, of in series(figure).items()}
    assert bars == {
        "waits to be sent": [(1, 0, 0.002), (2, 0.1, 0.1), (3, 0.15, 0.15)],
        "to the first content": [(1, 0.002, 0.05), (3, 0.15, 0.16)],
        "to the last content": [(1, 0.05, 0.09), (3, 0.16, 0.19)],
        "failed": [(2, 0.1, 0.17)],
    }
    assert figure.series[0].points[1].text == "request 2: waits to be sent 0 ns, failed 70.0 ms (reset)"
    assert figure.y.is_flipped


def test_a_long_load_shows_the_slowest_request_and_its_neighbours(drawn):
    figure = drawn["Requests over time"]
    assert {each.shape for each in figure.series} == {Shape.BARS}
    assert len({point.y for each in figure.series for point in each.points}) == 40
    assert figure.note.startswith("The slowest of 300 requests and its neighbours.")


def test_bars_on_an_axis_of_numbers_are_as_high_as_a_row(drawn):
    """40 rows share a plot of 190 pixels."""
    heights = {part.split('"')[0] for part in draw(drawn["Requests over time"]).split('height="')[1:]}
    assert heights == {"3.8"}


def test_a_load_that_nobody_failed_has_no_chart_of_failures(tmp_path):
    assert "Failed requests by kind" not in of_requests(tmp_path, *queued_requests(10, 20))


def test_requests_whose_file_is_gone_are_left_out(tmp_path):
    run = write_run(tmp_path, load_result([queued_requests(10, 20)], rate=10))
    for file in (run.folder / "requests").iterdir():
        file.unlink()
    titles = [figure.title for figure in figures(load_run(run.folder))]
    assert "Schedule and late sends" not in titles
    assert titles


def test_windows_of_a_search_are_marks_and_the_capacity_a_line(tmp_path):
    result = capacity_result([(8.5, [(5, 1.0, True), (10, 0.97, False), (8.5, 0.99, True)]), (9, [(9, 0.99, True)])])
    run = write_run(tmp_path, result)
    figure = next(each for each in figures(run) if each.title.startswith("Good requests against rate"))
    (points,) = series(figure).values()
    assert [(point.x, round(point.y, 6), point.is_sure) for point in points] == [
        (5, 100, True),
        (10, 97, False),
        (8.5, 99, True),
        (9, 99, True),
    ]
    assert points[1].text == "10 requests/s: 97 % good for e2e.p99<=1s · too slow"
    assert [mark.text for mark in figure.marks] == ["capacity: 8.75"]


def readings(*rows):
    names = ("time_ns", "series", "meaning", "value")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return ServerReadings.joined([{"run": 0, "stage": "measured", "took_ns": 1, **columns}])


def test_the_servers_gauges_stand_on_the_time_of_the_load(tmp_path):
    requests = [served_request(n, planned_ns=(1 + n) * NS_PER_S, token_ns=[(2 + n) * NS_PER_S]) for n in range(3)]
    table = readings(
        (1 * NS_PER_S, "x:running", "running", 1.0),
        (3 * NS_PER_S, "x:running", "running", 3.0),
        (1 * NS_PER_S, "x:kv", "kv_use", 0.25),
        (3 * NS_PER_S, "x:kv", "kv_use", 0.5),
        (3 * NS_PER_S, "x:other_total", "", 900.0),
    )
    result = replace(load_result([requests], rate=1, requests=3), server_readings=table)
    drawn = {figure.title: figure for figure in figures(write_run(tmp_path, result))}
    titles = list(drawn)

    queue, cache = drawn["Requests in the server over time"], drawn["KV cache of the server over time"]
    assert titles.index("Requests over time") < titles.index(queue.title) < titles.index(cache.title)
    assert {name: [(p.x, p.y) for p in points] for name, points in series(queue).items()} == {
        "requests that run": [(0.0, 1.0), (2.0, 3.0)]
    }
    assert [(p.x, p.y) for p in series(cache)["use of the KV cache"]] == [(0.0, 0.25), (2.0, 0.5)]
    assert [cell.text for cell in queue.data.sections[0][0]] == ["requests that run", "2", "2", "3"]


def test_a_server_without_gauges_has_no_such_chart(drawn):
    assert not any("server over time" in title for title in drawn)
