"""What our operations cost, beside the peers that a user would pick instead.

All of them take turns in one process; three fresh processes do the same, and a ratio is the best of the three. The
table goes to standard output, and with ``--output`` into a folder as ``operations.json`` and ``operations.md``. Peers
that are not installed are left out, and named.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import platform
import statistics
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.interleave import Candidate, Cost, best_ratio, in_fresh_processes, time_interleaved
from inference_bench import _native

PAIR = "perf_counter_ns pair"
NOOP = "no-op context manager in C"
SPAN = "with span:"
COLD_PREFIX = "cold: "


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that we hold ourselves to: ``name`` over ``over``, at most ``limit``; or at least, if it is a peer's."""

    name: str
    over: str
    limit: float
    at_least: bool = False


TARGETS = (
    Target(SPAN, NOOP, 1.25),
    Target(SPAN, PAIR, 0.35),
    Target('with span("name"):', PAIR, 0.42),
    Target("begin / end", PAIR, 0.22),
    Target("begin / end", "nvtx Domain push / pop, no tool", 0.65),
    Target("nvtx.annotate, no tool", SPAN, 4, at_least=True),
    Target("prometheus Histogram.time()", SPAN, 40, at_least=True),
    Target("OpenTelemetry SDK span", SPAN, 350, at_least=True),
    Target("histogram.observe(x)", PAIR, 0.10),
    Target("counter.inc()", PAIR, 0.08),
    Target("prometheus Histogram.observe(x)", "histogram.observe(x)", 60, at_least=True),
    Target("prometheus Counter.inc()", "counter.inc()", 40, at_least=True),
    Target("decorated f(), added", PAIR, 0.22),
    Target(COLD_PREFIX + "begin / end", COLD_PREFIX + PAIR, 1.0),
)


class _Parts:
    """The candidates of one process, and the names of peers that are missing."""

    def __init__(self) -> None:
        self.recorder = _native.SpanRecorder(capacity=1 << 20)
        self.missing: list[str] = []

    def ours(self) -> Iterator[Candidate]:
        """Yield our operations and the floor beneath them."""
        span = _native.span("decode")
        histogram, counter = _native.Histogram(), _native.Counter()

        def f() -> None: ...

        async def co() -> None: ...

        def drain() -> object:
            return self.recorder.drain()

        def recorded(name: str, statement: str, **names: Any) -> Candidate:
            return Candidate(name, statement, names, after=drain)

        yield Candidate(PAIR, "t = p(); t = p() - t", {"p": perf_counter_ns})
        yield Candidate(NOOP, "with s: pass", {"s": _native._NoopContext()})
        yield Candidate("contextlib.nullcontext, reused", "with s: pass", {"s": contextlib.nullcontext()})
        yield recorded(SPAN, "with s: pass", s=span)
        yield recorded('with span("name"):', "with span('decode'): pass", span=_native.span)
        yield recorded("begin / end", "s.begin(); s.end()", s=span)
        yield recorded("mark", "m()", m=_native.Mark("token"))
        yield Candidate("histogram.observe(x)", "h.observe(0.0123)", {"h": histogram})
        yield Candidate("counter.inc()", "c.inc()", {"c": counter})
        yield Candidate("TickRecorder.tick()", "r.tick()", {"r": (ticks := _native.TickRecorder(1 << 16))}, ticks.clear)
        yield Candidate("f()", "f()", {"f": f})
        yield recorded("decorated f()", "f()", f=span(f))
        yield Candidate("await co()", "await co()", {"co": co}, asynchronous=True)
        yield Candidate("decorated await co()", "await co()", {"co": span(co)}, drain, asynchronous=True)
        yield Candidate("with span: await co()", "with s: await co()", {"s": span, "co": co}, drain, asynchronous=True)

    def peers(self) -> Iterator[Candidate]:
        """Yield what the installed peers offer for the same purposes."""
        for make in (_prometheus, _nvtx, _hdrhistogram, _ddsketch, _torch, _opentelemetry):
            try:
                yield from make()
            except ImportError as error:
                self.missing.append(str(error.name))


def _prometheus() -> Iterator[Candidate]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    histogram = Histogram("h", "h", registry=registry)
    counter = Counter("c", "c", registry=registry)
    yield Candidate("prometheus Histogram.time()", "with h.time(): pass", {"h": histogram}, calls=500)
    yield Candidate("prometheus Histogram.observe(x)", "h.observe(0.0123)", {"h": histogram}, calls=500)
    yield Candidate("prometheus Counter.inc()", "c.inc()", {"c": counter}, calls=500)


def _nvtx() -> Iterator[Candidate]:
    import nvtx

    domain = nvtx.get_domain("bench")
    attributes = domain.get_event_attributes(message="x")
    names = {"d": domain, "a": attributes}
    yield Candidate("nvtx.annotate, no tool", "with s: pass", {"s": nvtx.annotate("x")})
    yield Candidate("nvtx Domain push / pop, no tool", "d.push_range(a); d.pop_range()", names)


def _hdrhistogram() -> Iterator[Candidate]:
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram(1, 3_600_000_000, 3)
    yield Candidate("hdrhistogram record_value(n)", "h.record_value(12345678)", {"h": histogram}, calls=500)


def _ddsketch() -> Iterator[Candidate]:
    from ddsketch import DDSketch

    yield Candidate("ddsketch add(x)", "s.add(0.0123)", {"s": DDSketch()}, calls=500)


def _torch() -> Iterator[Candidate]:
    import torch

    fast = torch._C._profiler._RecordFunctionFast("x")
    record = torch.profiler.record_function
    yield Candidate("torch _RecordFunctionFast, not profiling", "with r: pass", {"r": fast})
    yield Candidate("torch record_function, not profiling", "with r('x'): pass", {"r": record}, calls=100)


def _opentelemetry() -> Iterator[Candidate]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    tracer = provider.get_tracer("bench")
    yield Candidate("OpenTelemetry SDK span", "with t.start_as_current_span('x'): pass", {"t": tracer}, calls=60)


def _viztracer() -> dict[str, Cost]:
    """Time it after everything else: a tracer that once began leaves every later call of a C function dearer."""
    try:
        from viztracer import VizTracer
    except ImportError:
        return {}
    statement = "with t.log_event('x'): pass"
    tracer = VizTracer(verbose=0)
    return time_interleaved([Candidate("viztracer log_event, not tracing", statement, {"t": tracer}, calls=200)])


_COLD = {
    PAIR: "t = p(); t = p() - t",
    "begin / end": "s.begin(); s.end()",
    SPAN: "with s: pass",
    NOOP: "with noop: pass",
    "histogram.observe(x)": "h.observe(0.0123)",
    "nothing": "pass",
}


def _cold(times: int) -> dict[str, Cost]:
    """Time each statement once between pieces of real work, which evict it from every cache.

    The work is a pass over 1 MB and forty calls into functions that rotate among four hundred.
    """
    names: dict[str, Any] = {
        "p": perf_counter_ns,
        "s": _native.span("decode"),
        "noop": _native._NoopContext(),
        "h": _native.Histogram(),
        "a": _native.ticks_begin,
        "b": _native.ticks_end,
    }
    statements = {}
    for name, statement in _COLD.items():
        scope = dict(names)
        arguments = ", ".join(f"{key}={key}" for key in names)
        exec(f"def once({arguments}):\n    t0 = a()\n    {statement}\n    return b() - t0\n", scope)
        statements[name] = scope["once"]
    functions = []
    for number in range(400):
        scope = {}
        exec(f"def work(x):\n    y = [x + {number}, x * {number}]\n    return sum(y) + len(str(x))\n", scope)
        functions.append(scope["work"])
    block = np.arange(131_072, dtype=np.float64)
    seen: dict[str, list[int]] = {name: [] for name in statements}
    turn = 0
    for _ in range(times):
        for name, once in statements.items():
            block += 1.0
            for work in functions[turn : turn + 40]:
                work(turn)
            turn = (turn + 40) % 400
            seen[name].append(once())
    ns_per_tick = 1e9 / float(_native.clock_describe()["frequency_hz"])
    costs = {}
    for name, ticks in seen.items():
        if name == "nothing":
            continue
        median = (statistics.median(ticks) - statistics.median(seen["nothing"])) * ns_per_tick
        # Met once, there is no best case to ask for: both figures are the median.
        costs[COLD_PREFIX + name] = Cost(median, median)
    return costs


def child() -> dict[str, Cost]:
    """Time everything in this process."""
    parts = _Parts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        candidates = [*parts.ours(), *parts.peers()]
    with parts.recorder:
        costs = time_interleaved(candidates)
        gc.collect()
        costs |= _cold(400)
        costs |= _viztracer()
    if parts.missing:
        print(f"not installed, left out: {', '.join(parts.missing)}", file=sys.stderr)
    for name, base in (("decorated f()", "f()"), ("decorated await co()", "await co()")):
        added = (costs[name].minimum - costs[base].minimum, costs[name].median - costs[base].median)
        costs[f"{name}, added"] = Cost(*added)
    return costs


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {platform.system()} {platform.release()}, {python}"


def render(processes: Sequence[Mapping[str, Cost]]) -> str:
    """Return the tables as Markdown."""
    lines = [
        f"{_machine()}; {len(processes)} fresh processes, best of each.",
        "",
        "| operation | ns, minimum | ns, median | over the pair |",
        "|---|---:|---:|---:|",
    ]
    for name in processes[0]:
        base = COLD_PREFIX + PAIR if name.startswith(COLD_PREFIX) else PAIR
        minimum = min(costs[name].minimum for costs in processes)
        median = statistics.median(costs[name].median for costs in processes)
        lines.append(f"| {name} | {minimum:,.1f} | {median:,.1f} | {best_ratio(processes, name, base):,.2f} |")
    lines += ["", "| ratio | target | measured | |", "|---|---:|---:|---|"]
    for target, measured, met in judged(processes):
        sign = "≥" if target.at_least else "≤"
        verdict = "met" if met else "**missed**"
        lines.append(f"| {target.name} / {target.over} | {sign} {target.limit:g} | {measured:,.2f} | {verdict} |")
    return "\n".join(lines)


def judged(processes: Sequence[Mapping[str, Cost]]) -> Iterator[tuple[Target, float, bool]]:
    """Yield each target whose two sides were measured, the ratio, and whether it was met."""
    for target in TARGETS:
        if target.name not in processes[0] or target.over not in processes[0]:
            continue
        ratios = [costs[target.name].minimum / costs[target.over].minimum for costs in processes]
        measured = max(ratios) if target.at_least else min(ratios)
        yield target, measured, measured >= target.limit if target.at_least else measured <= target.limit


def main() -> int:
    """Print the tables; exit with 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=3, help="fresh processes (default: 3)")
    parser.add_argument("--output", type=Path, help="folder for operations.json and operations.md")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps({name: asdict(cost) for name, cost in child().items()}))
        return 0
    processes = in_fresh_processes("bench.operations", given.processes)
    text = render(processes)
    print(text)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        plain = [{name: asdict(cost) for name, cost in costs.items()} for costs in processes]
        record = {"machine": _machine(), "processes": plain}
        (given.output / "operations.json").write_text(json.dumps(record, indent=1) + "\n")
        (given.output / "operations.md").write_text(text + "\n")
    return 0 if all(met for _, _, met in judged(processes)) else 1


if __name__ == "__main__":
    sys.exit(main())
