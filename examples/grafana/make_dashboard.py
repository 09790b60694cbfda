"""Write the Grafana dashboard ``inference_bench.json``: ``python examples/grafana/make_dashboard.py``.

Each panel is one entry of ``ROWS``. ``SERVICE_`` in an expression stands for the profiler's name, which the variable
``service`` holds, and ``ANY`` for the labels that the other variables choose.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("inference_bench.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
RATE = "[$__rate_interval]"
ANY = 'job=~"$job",instance=~"$instance"'
ROUTE = f'{ANY},route=~"$route"'
MODEL = f'{ANY},model=~"$model"'
WIDTH, HEIGHT, COLUMNS = 8, 8, 24


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph over time.

    Attributes:
        title: heading.
        unit: Grafana's name of the unit.
        queries: legend and expression of each group of lines.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def rate(series: str, labels: str, by: str = "") -> str:
    """Return the rate of a counter, summed."""
    return f"sum{f' by ({by})' if by else ''} (rate(SERVICE_{series}{{{labels}}}{RATE}))"


def quantiles(title: str, series: str, labels: str) -> Panel:
    """Return a panel of p50, p90 and p99 of a histogram."""
    buckets = rate(f"{series}_seconds_bucket", labels, "le")
    lines = tuple((f"p{percent}", f"histogram_quantile({percent / 100}, {buckets})") for percent in (50, 90, 99))
    return Panel(title, "s", lines)


def levels(title: str, unit: str, *series: str) -> Panel:
    """Return a panel of gauges, one line per instance."""
    return Panel(title, unit, tuple((f"{{{{instance}}}} {one}", f"SERVICE_{one}{{{ANY}}}") for one in series))


ROWS = {
    "Requests": (
        Panel("Responses by status", "reqps", (("{{status}}", rate("http_responses_total", ROUTE, "status")),)),
        Panel("Responses by route", "reqps", (("{{route}}", rate("http_responses_total", ROUTE, "route")),)),
        levels("Requests in flight", "short", "requests_in_flight"),
        quantiles("Response time", "http_request", ROUTE),
        quantiles("Time to the first byte", "http_first_byte", ROUTE),
        quantiles("Time between pieces of a response", "http_gap", ROUTE),
    ),
    "Model": (
        quantiles("Time to first token (TTFT)", "ttft", MODEL),
        quantiles("Inter-token latency (ITL)", "itl", MODEL),
        quantiles("Whole generation", "e2e", MODEL),
        Panel(
            "Tokens per second",
            "short",
            (("in", rate("tokens_in_total", MODEL)), ("out", rate("tokens_out_total", MODEL))),
        ),
        Panel(
            "Generations per second",
            "short",
            (("ended", rate("generations_total", MODEL)), ("failed", rate("generations_failed_total", MODEL))),
        ),
        Panel("Batch size", "short", (("{{instance}} {{model}}", f"SERVICE_batch_size{{{MODEL}}}"),)),
        quantiles("GPU time of a prefill", "gpu_prefill", MODEL),
        quantiles("GPU time of decoding", "gpu_decode", MODEL),
    ),
    "Process": (
        quantiles("Lag of the event loop", "loop_lag", ANY),
        Panel(
            "Time in garbage collection",
            "percentunit",
            (("generation {{generation}}", rate("gc_pause_seconds_sum", ANY, "generation")),),
        ),
        levels("Memory of the process", "bytes", "rss_bytes", "rss_peak_hwm_bytes"),
    ),
    "Profiler": (
        levels("Running", "bool", "profiler_running"),
        Panel(
            "Records per second",
            "short",
            (("made", rate("profiler_records_total", ANY)), ("lost", rate("profiler_lost_records_total", ANY))),
        ),
        levels("Share of a core", "percentunit", "profiler_duty"),
    ),
}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana stores it."""
    return {
        "title": "Inference server, profiled from the inside",
        "uid": "inference-bench-live",
        "description": "Series of inference_bench.live, scraped by Prometheus.",
        "tags": ["inference_bench"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    yield _variable("service", 'label_values({__name__=~".+_profiler_running"}, __name__)', "/(.*)_profiler_running/")
    running = "${service}_profiler_running"
    yield _variable("job", f"label_values({running}, job)", several=True)
    yield _variable("instance", f'label_values({running}{{job=~"$job"}}, instance)', several=True)
    yield _variable("model", f"label_values(${{service}}_generations_total{{{_own(ANY)}}}, model)", several=True)
    yield _variable("route", f"label_values(${{service}}_http_responses_total{{{_own(ANY)}}}, route)", several=True)


def _variable(name: str, query: str, regex: str = "", *, several: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "label": name.title(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "regex": regex,
        "refresh": 2,
        "sort": 1,
    }
    if several:
        every = {"selected": True, "text": ["All"], "value": ["$__all"]}
        found |= {"multi": True, "includeAll": True, "allValue": ".*", "current": every}
    return found


def _panels() -> Iterator[dict[str, Any]]:
    """Yield rows and panels, three beside each other."""
    number = top = 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }
        for place, panel in enumerate(panels):
            number += 1
            row, column = divmod(place, COLUMNS // WIDTH)
            position = {"x": column * WIDTH, "y": top + 1 + row * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield _panel(number, panel, position)
        top += 1 + HEIGHT * -(-len(panels) // (COLUMNS // WIDTH))


def _panel(number: int, panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": _own(expression), "legendFormat": legend}
        for place, (legend, expression) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"showPoints": "never"}}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }


def _own(expression: str) -> str:
    return expression.replace("SERVICE_", "${service}_")


def main() -> int:
    """Write the file."""
    TARGET.write_text(json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
