from __future__ import annotations

import json

import pytest

from inference_bench.analysis.serving.capacity import find_capacity
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._capacity_search import Search
from inference_bench.benchmarks._capacity_window import window_of
from inference_bench.cli._main import main
from inference_bench.model.interfaces import LoadServer
from inference_bench.model.offered_load import Load, ServedLoad
from inference_bench.results.run import load_run
from inference_bench.slo import parse_slo
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.served import served_request


class QueueServer(LoadServer):
    """One server with a queue: each request takes 10 ms of its time; nothing is waited for, the times are computed.

    It stands in for a model, whose times no test could know.
    """

    def __init__(self, service_ms: float = 10, most_rate: float = 1e9) -> None:
        self.service_ns, self.most_rate, self.rates = int(service_ms * NS_PER_MS), most_rate, []

    def carry_out(self, load, on_answer=lambda _: None):
        self.rates.append(load.rate)
        requests, free_ns = [], 0
        for number, planned_ns in enumerate(load.arrivals().offsets_ns.tolist()):
            begun_ns = max(planned_ns, free_ns)
            free_ns = begun_ns + self.service_ns
            lag_ns = 2 * NS_PER_S if load.rate > self.most_rate else 0
            requests.append(served_request(number, planned_ns=planned_ns, lag_ns=lag_ns, token_ns=[free_ns, free_ns]))
        return ServedLoad(tuple(requests))


def search_of(server, *slos, requests=400):
    load = Load("poisson", requests, 8, 2, seed=1)
    return Search(server, load, [parse_slo(slo) for slo in slos], Measurement(Limits()))


def window(rate, *slos, requests=400, server=None):
    load = Load("poisson", requests, 8, 2, rate=rate, seed=3)
    return window_of(rate, (server or QueueServer()).carry_out(load), [parse_slo(slo) for slo in slos], Limits())


def test_a_window_passes_if_enough_requests_are_good():
    """At a tenth of the server's rate nearly every request is served at once; at nine tenths most wait."""
    assert window(10, "e2e.p90<=15ms").passes is True
    missed = window(90, "e2e.p90<=15ms")
    assert missed.passes is False
    assert missed.miss.startswith("e2e.p90<=15ms missed (")


def test_a_window_whose_queue_grows_does_not_pass():
    grown = window(200, "e2e.p90<=100s")
    assert grown.passes is False
    assert grown.miss.startswith("the queue grew from")


def test_a_window_that_the_client_paced_tells_nothing():
    assert window(10, "e2e.p90<=12ms", server=QueueServer(most_rate=5)).passes is None


def test_a_window_that_the_client_paced_is_sent_once_more():
    server = QueueServer(most_rate=5)
    assert search_of(server, "e2e.p90<=1s", requests=20).passes(10.0) is None
    assert server.rates == [10, 10]


def test_the_first_fifth_settles_the_queue_and_is_not_judged():
    assert window(10, "e2e.p90<=12ms").judgement.requests == 320


def test_the_capacity_of_a_queue_is_below_its_service_rate():
    """Of an M/D/1 queue with 10 ms of service, a p90 of 30 ms is met up to some 70 requests per second."""
    found = find_capacity(search_of(QueueServer(), "e2e.p90<=30ms", requests=4000).passes, 5.0)
    assert 55 < found.rate < found.fails_at < 85


def test_rows_of_all_windows_are_kept():
    search = search_of(QueueServer(), "e2e.p90<=30ms", requests=50)
    search.passes(10.0)
    search.passes(20.0)
    stages = [part["stage"] for part in search._measurement.requests]
    assert stages == [["window 1"] * 50, ["window 2"] * 50]
    assert [each.plain["rate"] for each in search.windows] == [10, 20]


def test_another_process_begins_at_another_rate_and_has_other_arrivals():
    first, second = search_of(QueueServer(), "e2e.p90<=1s"), search_of(QueueServer(), "e2e.p90<=1s")
    assert first.random.random() == second.random.random()
    measurement = Measurement(Limits())
    measurement.run = 1
    other = Search(QueueServer(), Load("poisson", 20, 8, 2, seed=1), [], measurement)
    assert other.random.random() != search_of(QueueServer()).random.random()


def test_a_capacity_is_measured_in_process(tmp_path, capsys):
    """However busy this machine is: there is a capacity, or the generator was the limit and says so."""
    slo = ["--find-capacity", "--slo", "e2e.p50<=1s", "--slo", "failures<=10%", "-a", "requests=20", "-a", "rate=500"]
    code = main(["run", "--model", "null", *slo, "--quick", "--quiet", "-o", str(tmp_path), "--json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["case"]["parameters"]["slo"] == "e2e.p50<=1s and failures<=10%"
    if code:
        assert result["failure"]["cause"].startswith("no capacity: at ")
        return
    assert [summary["metric"] for summary in result["summaries"]] == ["capacity"]
    stages = set(load_run(next(tmp_path.iterdir())).table(result["case"]["id"], "requests")["stage"].to_pylist())
    assert {"warmup", "window 1"} <= stages


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--find-capacity"], "--find-capacity needs an objective to meet: add --slo"),
        (
            ["--find-capacity", "--slo", "e2e.p50<1s", "--benchmark", "serving_load"],
            "leave --benchmark and --suite out",
        ),
        (["--benchmark", "serving_capacity"], "Give one: run --find-capacity --slo"),
        (["--find-capacity", "--slo", "e2e.p50<1s", "-a", "scenario=concurrent"], "unknown scenario of a capacity"),
        (["--find-capacity", "--slo", "e2e.p50<1s", "-a", "rate=0"], "expected requests per second, more than 0"),
    ],
)
def test_a_search_that_has_no_meaning_is_refused(options, words, capsys):
    assert main(["run", "--model", "null", "--dry-run", *options]) == 2
    assert words in capsys.readouterr().err
