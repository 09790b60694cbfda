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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench import cold
from bench.interleave import Candidate, Cost, best_ratio, in_fresh_processes, time_interleaved
from bench.peers import peers, time_apart
from inference_bench import _native

PAIR = "perf_counter_ns pair"
NOOP = "no-op context manager in C"
SPAN = "with span:"
NATIVE_SPAN = "NativeSpan in C++"
NATIVE_PAIR = "two bare readings in C++"
DRAIN = "drain to a pyarrow Table, a record"


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that we hold ourselves to: ``name`` over ``over``, at most ``limit``; or at least, if it is a peer's.

    Without ``over``, ``limit`` is in nanoseconds.
    """

    name: str
    over: str | None
    limit: float
    at_least: bool = False


TARGETS = (
    Target(SPAN, NOOP, 1.25),
    Target(SPAN, PAIR, 0.35),
    Target('with span("name"):', PAIR, 0.42),
    Target("begin / end", PAIR, 0.22),
    Target("begin / end", "nvtx Domain push / pop, no tool", 0.65),
    Target("nvtx.annotate, no tool", SPAN, 4, at_least=True),
    Target("jax TraceAnnotation in a trace", SPAN, 6, at_least=True),
    Target("prometheus Histogram.time()", SPAN, 40, at_least=True),
    Target("OpenTelemetry SDK span", SPAN, 350, at_least=True),
    Target("histogram.observe(x)", PAIR, 0.10),
    Target("counter.inc()", PAIR, 0.08),
    Target("prometheus Histogram.observe(x)", "histogram.observe(x)", 60, at_least=True),
    Target("prometheus Counter.inc()", "counter.inc()", 40, at_least=True),
    Target("ddsketch add(x)", "histogram.observe(x)", 40, at_least=True),
    Target("hdrhistogram record_value(n)", "histogram.observe_ns(n)", 70, at_least=True),
    Target("decorated f(), added", PAIR, 0.22),
    Target("decorated await co(), added", None, 50),
    Target(cold.PREFIX + "begin / end", cold.PREFIX + PAIR, 1.0),
    Target(NATIVE_SPAN, NATIVE_PAIR, 1.15),
    Target(DRAIN, None, 50),  # 20 million records a second
)


def ours(drain: Callable[[], object]) -> Iterator[Candidate]:
    """Yield our operations and the floor beneath them; ``drain`` empties the recorder that runs."""
    span, reentered = _native.span("decode"), _native.span("reentered")
    reentered.__enter__()
    histogram, fine, counter, gauge = _native.Histogram(), _native.Histogram(10), _native.Counter(), _native.Gauge()
    ticks = _native.TickRecorder(1 << 16)

    def f() -> None: ...

    async def co() -> None: ...

    def recorded(name: str, statement: str, **names: Any) -> Candidate:
        return Candidate(name, statement, names, after=drain)

    yield Candidate(PAIR, "t = p(); t = p() - t", {"p": perf_counter_ns})
    yield Candidate(NOOP, "with s: pass", {"s": _native._NoopContext()})
    yield Candidate("contextlib.nullcontext, reused", "with s: pass", {"s": contextlib.nullcontext()})
    yield recorded(SPAN, "with s: pass", s=span)
    yield recorded("with span: inside itself", "with s: pass", s=reentered)
    yield recorded('with span("name"):', "with span('decode'): pass", span=_native.span)
    yield recorded('with span("name", value):', "with span('decode', 7): pass", span=_native.span)
    yield recorded("begin / end", "s.begin(); s.end()", s=span)
    yield recorded("begin(id) / end(id)", "s.begin(7); s.end(7)", s=span)
    yield recorded("Mark()", "m()", m=_native.Mark("token"))
    yield recorded('mark("name")', "mark('token')", mark=_native.mark)
    yield recorded('counter("name", n)', "counter('queue', 7)", counter=_native.counter)
    yield Candidate("histogram.observe(x)", "h.observe(0.0123)", {"h": histogram})
    yield Candidate("histogram.observe(x), 10 bits", "h.observe(0.0123)", {"h": fine})
    yield Candidate("histogram.observe_ns(n)", "h.observe_ns(12345678)", {"h": histogram})
    yield Candidate("counter.inc()", "c.inc()", {"c": counter})
    yield Candidate("counter.add(n)", "c.add(5)", {"c": counter})
    yield Candidate("gauge.set(x)", "g.set(1.5)", {"g": gauge})
    yield Candidate("TickRecorder.tick()", "r.tick()", {"r": ticks}, ticks.clear)
    yield Candidate("f()", "f()", {"f": f})
    yield recorded("decorated f()", "f()", f=span(f))
    yield Candidate("await co()", "await co()", {"co": co}, asynchronous=True)
    yield Candidate("decorated await co()", "await co()", {"co": span(co)}, drain, asynchronous=True)
    yield Candidate("with span: await co()", "with s: await co()", {"s": span, "co": co}, drain, asynchronous=True)


def _bulk() -> dict[str, Cost]:
    """Time what is no statement of Python: spans in C++, and emptying a recorder of ten million records."""
    import pyarrow as pa

    ns_per_tick = 1e9 / float(_native.clock_describe()["frequency_hz"])
    recorder = _native.SpanRecorder(capacity=25_000)
    rounds, spans = 100, 20_000
    with recorder:
        ticks = []
        for _ in range(rounds):
            ticks.append([each * ns_per_tick / spans for each in _native._native_span_cost(spans)])
            recorder.drain()
    native, bare = zip(*ticks, strict=True)

    records, repeats = 10_000_000, 3
    recorder = _native.SpanRecorder(capacity=records + 4096)
    pa.table(recorder.drain())  # the first one imports pandas
    mark = _native.Mark("token")
    drains = []
    for _ in range(repeats):
        with recorder:
            for _ in range(records):
                mark()
        began = perf_counter_ns()
        table = pa.table(recorder.drain())
        drains.append((perf_counter_ns() - began) / records)
        if table.num_rows != records:
            raise SystemExit(f"{records} records were made and {table.num_rows} drained: the figure would mean nothing")
    return {
        NATIVE_SPAN: Cost(min(native), statistics.median(native)),
        NATIVE_PAIR: Cost(min(bare), statistics.median(bare)),
        DRAIN: Cost(min(drains), statistics.median(drains)),
    }


def child() -> dict[str, Cost]:
    """Time everything in this process."""
    recorder = _native.SpanRecorder(capacity=1 << 20)
    missing: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        candidates = [*ours(recorder.drain), *peers(missing)]
        with recorder:
            costs = time_interleaved(candidates)
            gc.collect()
            costs |= cold.time_cold(400)
        stopped = Candidate("with span: no recorder", "with s: pass", {"s": _native.span("decode")})
        costs |= time_interleaved([stopped])
        costs |= _bulk()
        costs |= time_apart(missing)
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
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
        "| operation | ns, minimum | ns, median | medians of the processes | over the pair |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in processes[0]:
        base = cold.PREFIX + PAIR if name.startswith(cold.PREFIX) else PAIR
        minimum = min(costs[name].minimum for costs in processes)
        medians = sorted(costs[name].median for costs in processes)
        spread = f"{medians[0]:,.1f} to {medians[-1]:,.1f}"
        ratio = best_ratio(processes, name, base)
        lines.append(f"| {name} | {minimum:,.1f} | {statistics.median(medians):,.1f} | {spread} | {ratio:,.2f} |")
    lines += ["", "| what | target | measured | |", "|---|---:|---:|---|"]
    for target, measured, met in judged(processes):
        limit = f"{'≥' if target.at_least else '≤'} {target.limit:g}" + ("" if target.over else " ns")
        what = f"{target.name} / {target.over}" if target.over else target.name
        lines.append(f"| {what} | {limit} | {measured:,.2f} | {'met' if met else '**missed**'} |")
    return "\n".join(lines)


def judged(processes: Sequence[Mapping[str, Cost]]) -> Iterator[tuple[Target, float, bool]]:
    """Yield each target whose sides were measured, the figure, and whether it was met."""
    for target in TARGETS:
        if any(name not in processes[0] for name in (target.name, target.over) if name):
            continue
        figures = [
            costs[target.name].minimum / (costs[target.over].minimum if target.over else 1) for costs in processes
        ]
        measured = max(figures) if target.at_least else min(figures)
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
