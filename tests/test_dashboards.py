"""The Grafana dashboard and the rules of Prometheus: names that exist, queries that return data, alerts that fire."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from inference_bench.live import Profiler
from inference_bench.live.declared_series import DECLARED
from inference_bench.live.exchange import ExchangeSeries, HttpSeries
from inference_bench.live.exposed_names import _samples
from inference_bench.live.gc_pauses import GcPauses
from inference_bench.live.generation import GenerationSeries
from inference_bench.live.gpu_time import GpuTimer
from inference_bench.live.loop_lag import LoopLag
from inference_bench.live.prometheus import PrometheusCollector, serve_metrics

EXAMPLES = Path(__file__).parent.parent / "examples"
RULES = EXAMPLES / "prometheus"
DASHBOARD = json.loads((EXAMPLES / "grafana" / "inference_bench.json").read_text())
ALERTS, RECORDING = (
    [rule for group in yaml.safe_load((RULES / name).read_text())["groups"] for rule in group["rules"]]
    for name in ("alerts.yml", "recording.yml")
)
TARGETS = [
    (panel["title"], target["expr"])
    for panel in DASHBOARD["panels"]
    if panel["type"] != "row"
    for target in panel["targets"]
]
NAME = re.compile(r"(?<![:\w])(?:chat|\$\{service\})_([a-z_0-9]+)")
ANSWER_S = 60

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def expressions():
    queries = [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    return [expression for _, expression in TARGETS] + queries + [rule["expr"] for rule in ALERTS + RECORDING]


def test_the_dashboard_is_what_its_script_makes():
    spec = importlib.util.spec_from_file_location("make_dashboard", EXAMPLES / "grafana" / "make_dashboard.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)

    assert made.dashboard() == DASHBOARD


def test_every_metric_of_a_query_is_one_that_the_profiler_exposes():
    exposed = {sample for kind, name in DECLARED for sample in _samples(kind, name)}
    used = {name for expression in expressions() for name in NAME.findall(expression)}

    assert used - exposed == set()
    assert len(used) > 20


def test_every_label_of_a_query_is_one_that_the_series_have(full):
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(full))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    labels = {s.name.removeprefix("chat_"): {*s.labels, "job", "instance"} for f in families for s in f.samples}
    wanted = re.compile(r"(?:chat|\$\{service\})_([a-z_0-9]+)\{([^}]*)\}")

    for expression in expressions():
        for name, matchers in wanted.findall(expression):
            assert set(re.findall(r"(\w+)=~?\"", matchers)) <= labels[name], (name, matchers)


def test_recorded_names_of_alerts_are_recorded():
    recorded = {rule["record"] for rule in RECORDING}
    used = {name for rule in ALERTS for name in re.findall(r"[a-z_]+(?::[a-z_0-9]+)+", rule["expr"])}

    assert used == recorded


def test_panels_have_places_of_their_own_and_known_variables():
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]} | {"__rate_interval"}

    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {name for text in expressions() for name in re.findall(r"\$\{?(\w+)", text)} <= variables


def test_the_dashboard_keeps_to_grafanas_schema():
    schema = pytest.importorskip(
        "grafana_foundation_sdk.models.dashboard", reason="grafana-foundation-sdk not installed"
    )
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
    plugins = pytest.importorskip("grafana_foundation_sdk.cog.plugins")
    plugins.register_default_plugins()
    again = json.loads(encoder.JSONEncoder().encode(schema.Dashboard.from_json(DASHBOARD)))

    assert lost(DASHBOARD, again) == []


def lost(given, again, place=""):
    """Return the places of what does not come back: fields that the schema does not know."""
    if isinstance(given, dict):
        return [
            one
            for key, value in given.items()
            for one in (lost(value, again[key], f"{place}.{key}") if key in again else [f"{place}.{key}"])
        ]
    if isinstance(given, list):
        return [one for n, pair in enumerate(zip(given, again, strict=True)) for one in lost(*pair, f"{place}[{n}]")]
    return [] if given == again else [place]


def test_every_alert_is_tested_both_ways():
    tests = yaml.safe_load((RULES / "alerts_test.yml").read_text())["tests"]
    told = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]

    assert sorted(told) == sorted((rule["alert"], fires) for rule in ALERTS for fires in (True, False))


@needs_promtool
@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml", "recording.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_accepts(words):
    done = subprocess.run(["promtool", *words], cwd=RULES, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


class Served(Profiler):
    """A profiler, and the series that ``act`` fills."""

    served: ExchangeSeries
    failed: ExchangeSeries
    generation: GenerationSeries


@pytest.fixture
def full():
    """Run a profiler with the series of a chat server on a GPU."""
    with Served("chat", budget=1.0) as profiler:
        series = HttpSeries(profiler.book)
        profiler.served, profiler.failed = (series.of("/v1/chat/completions", "POST", code) for code in (200, 500))
        profiler.generation = GenerationSeries(profiler.book, profiler.sampling, "llama", GpuTimer(None, lambda: 0))
        profiler.counter("export_failures", exporter="otlp")
        LoopLag(profiler)
        GcPauses(profiler)
        profiler.attach_memory()
        yield profiler


def act(profiler):
    """Record one request with one generation, as the middleware and an instrumented model do."""
    served, made = profiler.served, profiler.generation
    served.responses.inc()
    profiler.failed.responses.inc()
    for histogram in (served.request, served.first_piece, served.gap):
        histogram.observe_ns(20_000_000)
    for histogram in (made.ttft, made.itl, made.tpot, made.e2e, made.gpu_prefill, made.gpu_decode):
        histogram.observe_ns(3_000_000)
    for counter in (made.generations, made.tokens_in, made.tokens_out):
        counter.add(5)
    profiler.histogram("loop_lag").observe_ns(90_000)
    profiler.histogram("gc_pause", generation=0).observe_ns(90_000)
    with profiler.request():
        pass


@pytest.fixture
def prometheus(full, tmp_path):
    """Run Prometheus with our rules on a server that works, and yield its address."""
    port = serve_metrics(full, range(21600, 21700))
    config = yaml.safe_load((RULES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    config["rule_files"] = [str(RULES / name) for name in config["rule_files"]]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    log = (tmp_path / "log").open("wb")
    with subprocess.Popen([*command, f"--web.listen-address={address}"], cwd=tmp_path, stderr=log) as child:
        done = threading.Event()
        worker = threading.Thread(target=lambda: [act(full) for _ in iter(lambda: done.wait(0.02), True)])
        worker.start()
        try:
            yield f"http://{address}"
        finally:
            done.set()
            worker.join()
            child.terminate()
    log.close()


def ask(address, expression):
    try:
        reply = httpx.get(f"{address}/api/v1/query", params={"query": expression}).json()
    except (httpx.HTTPError, ValueError):  # not ready yet: it answers in plain text
        return []
    assert reply["status"] == "success", (expression, reply)
    return [float(one["value"][1]) for one in reply["data"]["result"]]


@needs_prometheus
def test_every_panel_and_rule_has_data_from_a_real_prometheus(prometheus):
    waiting = {expression: title for title, expression in TARGETS} | {
        rule["record"]: rule["record"] for rule in RECORDING
    }
    end = time.monotonic() + ANSWER_S
    while waiting and time.monotonic() < end:
        for expression in list(waiting):
            asked = re.sub(r'=~"\$\w+"', '=~".*"', expression.replace("${service}", "chat"))
            found = ask(prometheus, asked.replace("$__rate_interval", "2s"))
            if found and all(math.isfinite(value) for value in found):
                del waiting[expression]
        time.sleep(0.2)

    assert waiting == {}
