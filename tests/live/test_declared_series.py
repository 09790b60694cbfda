"""Each exposed series says what it is: one table holds all that this package records, and applications add theirs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import inference_bench.live
from inference_bench.errors import InvalidValueError
from inference_bench.live.declared_series import DECLARED, OWN
from inference_bench.live.exchange import ExchangeSeries
from inference_bench.live.exporter import Exporter
from inference_bench.live.gc_pauses import GcPauses
from inference_bench.live.generation import GenerationSeries
from inference_bench.live.gpu_time import GpuTimer
from inference_bench.live.loop_lag import LoopLag
from inference_bench.live.otlp import _metrics_data
from inference_bench.live.prometheus import PrometheusCollector

SOURCES = sorted(Path(inference_bench.live.__file__).parent.glob("*.py"))
LAZY = re.compile(r"(?i)^(a |an |the )?(counter|gauge|histogram|metric|series|durations?)\b(?! of)")


class Nowhere(Exporter):
    """Exports nothing; its series are those of every exporter."""

    def export(self, batches):
        """Do nothing."""


@pytest.fixture
def full(profiler):
    """Return a profiler with every series of this package, but that of modules on a GPU."""
    ExchangeSeries(profiler.book, "http", "bytes", {"route": "/", "method": "GET", "status": "200"})
    ExchangeSeries(profiler.book, "grpc", "messages", {"method": "/x", "code": "OK"})
    GenerationSeries(profiler.book, profiler.sampling, "m", GpuTimer(None, lambda: 0))
    GcPauses(profiler)
    LoopLag(profiler)
    Nowhere(profiler, "nowhere", 1.0, 0)
    profiler.attach_memory()
    return profiler


def recorded(snapshot):
    kinds = {"counter": snapshot.counters, "gauge": snapshot.gauges, "histogram": snapshot.histograms}
    return {(kind, key.name) for kind, series in kinds.items() for key in series}


def families(profiler, **options):
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(profiler, **options))
    return list(text_string_to_metric_families(generate_latest(registry).decode()))


def test_the_table_is_what_the_package_records(full):
    own = {(one.kind, one.name) for one in OWN}
    only_on_a_gpu = {("histogram", "gpu_time")}

    assert recorded(full.snapshot()) == DECLARED.keys() - own - only_on_a_gpu


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_name_that_the_code_writes_is_declared(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    written = [
        (call.func.attr, call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("counter", "gauge", "histogram")
        if call.args and isinstance(call.args[0], ast.Constant)
    ]

    assert [one for one in written if one not in DECLARED] == []


@pytest.mark.parametrize("declared", DECLARED.values(), ids=lambda one: one.name)
def test_each_meaning_is_a_sentence_with_the_unit(declared):
    assert declared.meaning.endswith(".") and re.match(r"[A-Z0-9]", declared.meaning)
    assert len(declared.meaning.split()) >= 4
    assert not LAZY.match(declared.meaning)
    word = declared.unit.strip("{}")
    said = {"s": "seconds", "By": "bytes", "1": declared.meaning}.get(word, word)
    assert said.lower() in declared.meaning.lower()


def test_prometheus_shows_each_meaning_as_help(full):
    found = {family.name.removeprefix("svc_"): family.documentation for family in families(full)}
    expected = {
        name + ("_seconds" if kind == "histogram" else ""): one.meaning for (kind, name), one in DECLARED.items()
    }
    del expected["gpu_time_seconds"]

    assert found == expected


def test_open_telemetry_gets_each_meaning_and_unit(full):
    with full.span("work"):
        full.mark("token")
    snapshot = full.snapshot()
    data = _metrics_data(snapshot, full.book.descriptions, Resource({}), 0, 0)
    found = {one.name: (one.description, one.unit) for one in data.resource_metrics[0].scope_metrics[0].metrics}

    assert found == {name: (one.meaning, one.unit) for (_, name), one in DECLARED.items() if name != "gpu_time"}


def test_an_application_describes_its_own_series(profiler):
    profiler.counter("cache.misses").inc()
    profiler.gauge("depth").set(1)
    profiler.histogram("wait").observe_ns(1)
    profiler.describe("cache.misses", "Prompts whose prefix\nwas not in the cache.", "{prompt}")
    told = {family.name: family.documentation for family in families(profiler)}

    assert told["svc_cache_misses"] == "Prompts whose prefix was not in the cache."
    assert profiler.book.descriptions.of("counter", "cache.misses").unit == "{prompt}"
    assert told["svc_depth"] == "Application's gauge depth, without a description."
    assert told["svc_wait_seconds"] == "Durations that the application records as wait, in seconds."


@pytest.mark.parametrize(("name", "meaning"), [("ttft", "x"), ("a b", "x"), ("hits", " \n")])
def test_what_cannot_be_described_is_refused(profiler, name, meaning):
    with pytest.raises(InvalidValueError):
        profiler.describe(name, meaning)


def test_spare_series_are_left_out_until_they_count(profiler):
    from inference_bench.live.exchange import OTHER, HttpSeries

    found = HttpSeries(profiler.book)
    labelled = [s for family in families(profiler) for s in family.samples if OTHER in s.labels.values()]
    assert labelled == []
    assert [s for family in families(profiler) for s in family.samples if s.labels.get("span") == "(others)"] == []

    found.of("/", "INVENTED", 200).responses.inc()
    names = {s.name: s.value for family in families(profiler) for s in family.samples if OTHER in s.labels.values()}
    assert names == {"svc_http_responses_total": 1}


def test_buckets_are_chosen_where_each_is_a_series_to_pay_for(profiler):
    profiler.histogram("wait").observe_ns(3_000_000)
    found = families(profiler, buckets_ns=(1_000_000, 10_000_000))
    buckets = {s.labels["le"]: s.value for f in found for s in f.samples if s.name == "svc_wait_seconds_bucket"}

    assert buckets == {"0.001": 0, "0.01": 1, "+Inf": 1}


@pytest.mark.parametrize("ends", [(0, 1), (2, 1), (1, 1), (-1,)])
def test_buckets_that_do_not_rise_are_refused(profiler, ends):
    with pytest.raises(InvalidValueError, match="rise"):
        PrometheusCollector(profiler, buckets_ns=ends)
