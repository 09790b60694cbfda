"""The live profiler in one process, its threads, its tasks and its forked children."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from inference_bench import _native
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.live import Profiler
from tests.children import run_in_child


def test_spans_marks_and_series_are_counted_exactly(profiler):
    span = profiler.span("decode")
    for _ in range(1000):
        with span:
            pass
    for _ in range(7):
        profiler.mark("token")
    profiler.counter("errors", kind="timeout").add(3)
    profiler.gauge("queue").set(2.5)
    profiler.histogram("ttft", model="m").observe_ns(1_000_000)

    snapshot = profiler.snapshot()

    assert snapshot.histogram("decode").total == 1000
    assert snapshot.marks == {"token": 7}
    plain = json.loads(json.dumps(snapshot.as_plain()))
    assert plain["counters"]['errors{kind="timeout"}'] == 3
    assert plain["gauges"]["queue"] == 2.5
    assert plain["histograms"]['ttft{model="m"}']["count"] == 1
    assert plain["histograms"]['ttft{model="m"}']["p99_ns"] >= 1_000_000
    assert snapshot.recording.made == 1007 == snapshot.recording.recorded
    assert snapshot.recording.lost == 0


def test_what_is_known_goes_on_growing_from_snapshot_to_snapshot(profiler):
    for expected in (1, 2, 3):
        with profiler.span("step"):
            pass
        assert profiler.snapshot().histogram("step").total == expected


def test_traced_functions_and_coroutines(profiler):
    @profiler.trace
    def add(a, b):
        return a + b

    @profiler.trace("waits")
    async def wait():
        await asyncio.sleep(0.001)
        return 5

    assert add(1, 2) == 3
    assert asyncio.run(wait()) == 5
    snapshot = profiler.snapshot()
    assert snapshot.histogram(add.__qualname__).total == 1
    assert snapshot.histogram("waits").percentile(50)[1] >= 1_000_000


def test_a_generator_function_is_refused(profiler):
    def generate():
        yield 1

    with pytest.raises(InvalidValueError, match="no generator function"):
        profiler.trace(generate)


def test_threads_lose_nothing_that_is_not_counted():
    with Profiler("test", records=4096, interval_ns=1_000_000) as profiler:
        counter = profiler.counter("made")

        def work():
            span = profiler.span("work")
            for _ in range(20_000):
                with span:
                    counter.inc()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        reads = [profiler.snapshot() for _ in range(50)]
        for thread in threads:
            thread.join()
        last = profiler.snapshot()

    assert last.counters[next(k for k in last.counters if k.name == "made")] == 80_000
    assert last.recording.made == 80_000 == last.recording.recorded + last.recording.lost
    assert last.histogram("work").total == last.recording.recorded
    totals = [read.spans["work"].total for read in reads if "work" in read.spans]
    assert all(before <= after for before, after in pairwise(totals))


def test_memory_stays_below_the_limit_that_was_stated():
    with Profiler("test", records=4096, flight_records=4096, max_series=16) as profiler:
        span = profiler.span("decode")
        for _ in range(30):
            for _ in range(4096):
                with span:
                    pass
            profiler.collect()
        snapshot = profiler.snapshot()

    assert snapshot.memory_bytes <= snapshot.memory_limit_bytes == profiler.memory_limit_bytes < 10_000_000


def test_series_are_bounded():
    with Profiler("test", max_series=16) as profiler:
        with pytest.raises(InvalidValueError, match="max_series"):
            for number in range(17):
                profiler.counter("hits", path=f"/{number}")
        with pytest.raises(InvalidValueError, match="max_series"):
            for number in range(17):
                profiler.span(f"span {number}")


@pytest.mark.parametrize("name", ["", "1st", "a b", "a" * 101, 'x"} 1\n'])
def test_a_series_name_that_no_exporter_takes_is_refused(name):
    with pytest.raises(InvalidValueError, match="name of a series"):
        Profiler("test").counter(name)


@pytest.mark.parametrize("name", ["", "a\nb", "a" * 201])
def test_a_span_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(InvalidValueError, match="name of a span"):
        Profiler("test").span(name)


@pytest.mark.parametrize(
    "settings", [{"max_series": 0}, {"records": 1}, {"flight_records": 0}, {"budget": 0.0}, {"interval_ns": 5}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InvalidValueError):
        Profiler("test", **settings)


def test_an_unknown_name_is_refused_with_those_there_are(profiler):
    with profiler.span("decode"):
        pass

    with pytest.raises(UnknownNameError, match="did you mean 'decode'"):
        profiler.snapshot().histogram("decod")


def test_only_one_runs_at_a_time(profiler):
    with pytest.raises(UsageError, match="another profiler or span recorder runs"):
        Profiler("second").start()
    with pytest.raises(UsageError, match="runs already"):
        profiler.start()


def test_nothing_fails_when_it_stops_in_the_middle_of_a_request():
    profiler = Profiler("test").start()
    span = profiler.span("decode")
    with profiler.request() as request, span:
        profiler.stop()
        with request.span("late"):
            request.mark("late")
    profiler.stop()

    assert profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] == 0
    assert not _native.recording()


def test_it_may_start_again_and_go_on():
    profiler = Profiler("test")
    for _ in range(2):
        with profiler, profiler.span("decode"):
            pass

    assert profiler.snapshot().histogram("decode").total == 2


def test_a_profiler_over_budget_records_fewer_requests_and_counts_them_all():
    with Profiler("test", budget=1e-9, interval_ns=1_000_000) as profiler:
        deadline = time.monotonic() + 20
        while profiler.snapshot().cost.every < 16 and time.monotonic() < deadline:
            with profiler.request() as request, request.span("work"):
                pass
        snapshot = profiler.snapshot()

    counters = {str(key): value for key, value in snapshot.counters.items()}
    assert snapshot.cost.lowered >= 4
    assert counters["requests_sampled"] < counters["requests"]
    assert snapshot.histogram("work").total == snapshot.histogram("request").total == counters["requests_sampled"]


def test_a_forked_child_goes_on_from_zero(profiler):
    span = profiler.span("decode")
    hits = profiler.counter("hits")
    for _ in range(100):
        with span:
            hits.inc()

    def check():
        for _ in range(3):
            with span, profiler.request():
                hits.inc()
        snapshot = profiler.snapshot()
        assert snapshot.pid == os.getpid()
        assert snapshot.as_plain()["counters"] == {"requests": 3, "requests_sampled": 3, "hits": 3}
        assert snapshot.histogram("decode").total == 3
        assert snapshot.recording.made == 9  # a request by id is two records
        profiler.stop()

    assert run_in_child(check) == 0
    assert profiler.snapshot().as_plain()["counters"]["hits"] == 100
    assert profiler.snapshot().histogram("decode").total == 100


def test_forks_while_other_threads_record_and_read_never_hang(profiler):
    stop = threading.Event()

    def work():
        span = profiler.span("work")
        while not stop.is_set():
            with span:
                profiler.histogram("h").observe_ns(5)

    def read():
        while not stop.is_set():
            profiler.snapshot()

    threads = [threading.Thread(target=target) for target in (work, read)]
    for thread in threads:
        thread.start()

    def check():
        with profiler.span("child"):
            pass
        assert profiler.snapshot().histogram("child").total == 1

    try:
        assert [run_in_child(check) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_process_that_ends_in_the_middle_of_a_request_ends():
    code = """
import threading, time
from inference_bench.live import Profiler
profiler = Profiler("test").start()
def serve():
    with profiler.request(), profiler.span("decode"):
        time.sleep(60)
threading.Thread(target=serve, daemon=True).start()
profiler.attach_memory()
time.sleep(0.1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_it_imports_nothing_heavy():
    code = "import inference_bench.live, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert (
        loaded & {"torch", "transformers", "prometheus_client", "opentelemetry", "starlette", "numpy", "rich"} == set()
    )
