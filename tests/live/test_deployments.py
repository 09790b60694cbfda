"""The profiler where it is deployed: under a real Prometheus, in forked workers, with labels that mean harm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from rich.console import Console

from inference_bench.cli._watch.view import View
from inference_bench.live.otlp import _metrics_data
from inference_bench.live.parquet import ParquetExporter
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.live.watch_encoding import encode

ROOT = Path(__file__).parents[2]
PROMETHEUS = shutil.which("prometheus")


def registry(profiler):
    made = CollectorRegistry()
    made.register(PrometheusCollector(profiler))
    return made


# ---- a real Prometheus


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.skipif(PROMETHEUS is None, reason="needs the program prometheus (Debian's package of this name)")
def test_a_real_prometheus_scrapes_it(profiler, generate, tmp_path):
    with profiler.request() as request:
        generate('a "quoted" model')
    served, thread = start_http_server(0, "127.0.0.1", registry=registry(profiler))
    config = tmp_path / "prometheus.yml"
    target = f"127.0.0.1:{served.server_port}"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: live, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    command = [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data"]
    command += [f"--web.listen-address={address}", "--enable-feature=exemplar-storage", "--log.level=error"]

    def ask(path, **query):
        answer = httpx.get(f"http://{address}/api/v1/{path}", params=query).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline, found = time.monotonic() + 30, []
            while not found and time.monotonic() < deadline:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.2)
                try:
                    found = ask("query", query="svc_itl_seconds_count")["result"]
                except httpx.TransportError:
                    continue
            (itl,) = found
            (quantile,) = ask("query", query="histogram_quantile(0.5, svc_itl_seconds_bucket)")["result"]
            exemplars = ask("query_exemplars", query="svc_ttft_seconds_bucket", start=0, end=time.time() + 60)
        finally:
            process.terminate()
            served.shutdown()
            served.server_close()
            thread.join()

    assert itl["metric"]["model"] == 'a "quoted" model'
    assert itl["value"][1] == "4"
    assert 0 < float(quantile["value"][1]) <= 1e-5
    assert exemplars[0]["exemplars"][0]["labels"] == {"request_id": str(request.id)}


# ---- workers that fork

WORKERS = """
import os, signal, socket, sys, time
import uvicorn
from fastapi import FastAPI
from inference_bench.live import Profiler
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.watch_endpoint import WatchEndpoint

profiler = Profiler("web").start()
app = FastAPI()
app.add_middleware(ProfilerMiddleware, profiler=profiler)
app.mount("/profile", WatchEndpoint(profiler))

@app.get("/")
async def answer():
    return os.getpid()

@app.get("/endless")
async def endless():
    import asyncio
    await asyncio.sleep(3600)

with profiler.span("before the fork"):
    pass
listener = socket.create_server(("127.0.0.1", 0))
children = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has shut down
        config = uvicorn.Config(app, log_level="error", loop=sys.argv[1], timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])
        profiler.stop()
        snapshot = profiler.snapshot().as_plain()
        assert snapshot["gauges"]["requests_in_flight"] == 0, snapshot["gauges"]
        os._exit(0)
    children.append(pid)
print(listener.getsockname()[1], *children, flush=True)
sys.stdin.read()
for pid in children:
    os.kill(pid, signal.SIGTERM)
ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
snapshot = profiler.snapshot()
print(*ends, snapshot.as_plain()["counters"]["requests"], snapshot.histogram("before the fork").total)
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_workers_that_fork_count_for_themselves_and_end_in_mid_request(loop):
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS, loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            port, *children = map(int, parent.stdout.readline().split())
            address, answered, snapshots = f"http://127.0.0.1:{port}", dict.fromkeys(children, 0), {}
            deadline = time.monotonic() + 20
            while (0 in answered.values() or len(snapshots) < 2) and time.monotonic() < deadline:
                answered[httpx.get(address).json()] += 1
                seen = httpx.get(f"{address}/profile/").json()
                snapshots[seen["pid"]] = (answered[seen["pid"]], seen)
            waiting = threading.Thread(target=give_up, args=(f"{address}/endless",))
            waiting.start()
            time.sleep(0.3)
            said, _ = parent.communicate("", timeout=30)
            waiting.join()
        finally:
            parent.kill()

    assert said.split() == ["0", "0", "0", "1"]
    assert set(snapshots) == set(children)
    for served, seen in snapshots.values():
        by_route = {
            name: total for name, total in seen["counters"].items() if 'http_responses{method="GET",route="/",' in name
        }
        assert sum(by_route.values()) == served
        assert "before the fork" not in {name for name, row in seen["spans"].items() if row["count"]}
        assert seen["recording"]["made"] == seen["recording"]["recorded"] + seen["recording"]["lost"]


def give_up(address):
    """Ask, and be cut off."""
    try:
        httpx.get(address, timeout=20)
    except httpx.HTTPError:
        return


def _scrape_in_child(made, histogram):
    """Scrape what this process alone has observed, and end it: with 1 if it is wrong, by a signal if it hangs."""
    signal.alarm(20)
    status = 1
    try:
        histogram.observe_ns(1_000_000)
        families = parse_text(generate_latest(made).decode())
        found = {sample.name: sample.value for family in families for sample in family.samples}
        status = int(found["svc_ttft_seconds_count"] != 1)
    finally:
        os._exit(status)


def test_scrapes_and_forks_at_once_neither_hang_nor_lie(profiler):
    made, stop = registry(profiler), threading.Event()
    histogram = profiler.histogram("ttft")

    def scrape():
        while not stop.is_set():
            histogram.observe_ns(1_000_000)
            generate_latest(made)

    threads = [threading.Thread(target=scrape) for _ in range(2)]
    for thread in threads:
        thread.start()
    ends = []
    try:
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                _scrape_in_child(made, histogram)
            ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert ends == [0] * 10


# ---- labels that mean harm

HOSTILE = ['"} 1\nup 1', "\\", "\x1b[31mred\x07", "\udc80", "<script>alert(1)</script>", "a" * 100_000, "\u202eltr", ""]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:12]))
def test_a_hostile_label_stays_a_label_in_every_way_out(profiler, value):
    profiler.counter("hits", route=value).add(7)
    profiler.histogram("ttft", route=value).observe_ns(5)
    made, snapshot = registry(profiler), profiler.snapshot()

    for families in (
        parse_text(generate_latest(made).decode()),
        parse_openmetrics(generate_openmetrics(made).decode()),
    ):
        samples = [sample for family in families for sample in family.samples]
        (hits,) = (sample for sample in samples if sample.name == "svc_hits_total")
        assert (hits.value, hits.labels["route"]) == (7, value[:200].replace("\udc80", "?"))
        assert "up" not in {sample.name for sample in samples}

    json.loads(encode(snapshot))
    assert _metrics_data(snapshot, profiler.book.descriptions, Resource.create({}), 0, 0).to_json()


def test_watch_draws_a_hostile_label_without_obeying_it(profiler):
    for value in HOSTILE:
        profiler.counter("hits", route=value).inc()
        profiler.histogram("ttft", route=value).observe_ns(5)
    view, drawn = View(), StringIO()
    view.add(json.loads(encode(profiler.snapshot())))

    for line in view.page(400):
        Console(file=drawn, width=400, force_terminal=False).print(line, soft_wrap=True)

    assert not {"\x1b", "\x07", "\u202e"} & set(drawn.getvalue())


# ---- live results in the commands that read offline ones


def test_compare_reads_live_results(profiler, generate, tmp_path):
    for _ in range(2):
        with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60):
            for _ in range(40):
                generate("tiny")
        time.sleep(0.01)

    before, after = sorted(tmp_path.iterdir())
    command = [sys.executable, "-m", "inference_bench", "compare", str(before), str(after)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

    assert done.stderr == ""
    assert done.returncode in (0, 1)
    assert "TTFT" in done.stdout
