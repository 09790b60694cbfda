"""A profiler that is not running: one warning, and nothing counts."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from inference_bench.live import Profiler
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.generation import Generation, GenerationSeries
from inference_bench.live.otlp import OtlpExporter
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.live.watch_socket import WatchSocket


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


def serve(profiler):
    async def send(message): ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(ProfilerMiddleware(application, profiler)(scope, None, send))


def scrape(profiler):
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(profiler))
    return generate_latest(registry).decode()


def generate(profiler):
    Generation(GenerationSeries(profiler.book, profiler.sampling, "m")).finish((1, 8), None)


def request(profiler):
    with profiler.request() as made, made.span("inside"):
        made.mark("inside")


def export(profiler):
    OtlpExporter(profiler, "http://127.0.0.1:9", interval_s=3600, timeout_s=0.2).start()


def watch(profiler):
    with WatchSocket(profiler):
        pass


USES = {
    "span": lambda profiler: profiler.span("a"),
    "mark": lambda profiler: profiler.mark("a"),
    "request": request,
    "the middleware": serve,
    "a generation": generate,
    "a scrape": scrape,
    "an exporter": export,
    "a watch socket": watch,
}


def never_started():
    return Profiler("idle")


def stopped():
    with Profiler("idle") as profiler:
        pass
    return profiler


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("state", [never_started, stopped])
def test_every_use_warns_and_all_together_once(state, use):
    profiler = state()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            USES[use](profiler)
        for other in USES.values():
            other(profiler)

    (warning,) = (one for one in caught if one.category is RuntimeWarning)
    assert "nothing is recorded" in str(warning.message)
    assert "'idle'" in str(warning.message)
    assert "/inference_bench/live/" not in warning.filename


def test_set_up_before_the_start_is_silent():
    profiler = Profiler("set_up")

    @profiler.trace
    def work():
        pass

    profiler.counter("a"), profiler.histogram("b"), profiler.marker("c")
    PrometheusCollector(profiler)
    with profiler:
        work()
        assert profiler.snapshot().histogram(work.__qualname__).total == 1


def test_it_warns_again_after_each_run():
    profiler = Profiler("again")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="nothing is recorded"):
            profiler.span("a")
        with profiler:
            profiler.span("a")


def totals(profiler):
    snapshot = profiler.snapshot()
    return (
        {str(key): value for key, value in snapshot.counters.items() if value},
        {str(key): counts.total for key, counts in snapshot.histograms.items() if counts.total},
    )


@pytest.mark.filterwarnings("ignore:profiler 'still'")
def test_counters_and_histograms_stand_still_and_go_on_from_there():
    profiler = Profiler("still")
    counter, histogram = profiler.counter("hits"), profiler.histogram("waits")

    def use(times):
        for _ in range(times):
            counter.inc()
            histogram.observe_ns(5)
            serve(profiler)

    use(2)
    assert totals(profiler) == ({}, {})
    series = 'method="GET",route="(unmatched)",status="200"'
    for round_number in (1, 2):
        with profiler:
            use(3)
            counted, observed = totals(profiler)
        n = 3 * round_number
        use(4)  # after the stop
        assert totals(profiler) == (counted, observed)
        assert (counted["hits"], observed["waits"]) == (n, n)
        assert (
            counted["requests"] == counted[f"http_responses{{{series}}}"] == observed[f"http_request{{{series}}}"] == n
        )


@pytest.mark.filterwarnings("ignore:profiler 'gauge'")
def test_the_gauge_says_whether_it_runs():
    profiler = Profiler("gauge")
    assert "gauge_profiler_running 0.0" in scrape(profiler)
    assert profiler.snapshot().as_plain()["running"] is False
    with profiler:
        assert "gauge_profiler_running 1.0" in scrape(profiler)
        assert profiler.snapshot().running
    assert "gauge_profiler_running 0.0" in scrape(profiler)
