"""What a span costs, beside a perf_counter_ns pair and a context manager that does nothing.

``python bench/spans.py [--repeats N]``: all rows are interleaved in one process, the empty loop is subtracted. Run it
three times and take the best: a ratio of two minima repeats within 3 %, a single row of a busy machine does not.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

from inference_bench import _native

LOOPS = 2_000
UNROLLED = 5

ROWS = {
    "perf_counter_ns pair": ("t = p(); t = p() - t", "pair"),
    "no-op with, descriptor form": ("with noop: pass", "pair"),
    "with span": ("with s: pass", "pair"),
    "with span, by name": ("with span('decode'): pass", "pair"),
    "with span, by name, value": ("with span('decode', 7): pass", "pair"),
    "with span, re-entered": ("with open_span: pass", "pair"),
    "s.begin(); s.end()": ("s.begin(); s.end()", "pair"),
    "s.begin(7); s.end(7)": ("s.begin(7); s.end(7)", "pair"),
    "begin('decode'); end('decode')": ("begin('decode'); end('decode')", "pair"),
    "mark": ("m()", "pair"),
    "mark('token')": ("mark('token')", "pair"),
    "counter('queue', 7)": ("counter('queue', 7)", "pair"),
    "f()": ("f()", "pair"),
    "decorated f()": ("df()", "pair"),
}
ASYNC_ROWS = {
    "await co()": "await co()",
    "await decorated co()": "await dco()",
    "with span: await co()": "with s: await co()",
}


def _names() -> dict[str, object]:
    def f() -> None: ...

    async def co() -> None: ...

    s = _native.span("decode")
    return {
        "p": time.perf_counter_ns,
        "noop": _native._NoopContext(),
        "s": s,
        "open_span": _native.span("open"),
        "span": _native.span,
        "begin": _native.begin,
        "end": _native.end,
        "mark": _native.mark,
        "m": _native.Mark("token"),
        "counter": _native.counter,
        "f": f,
        "df": s(f),
        "co": co,
        "dco": s(co),
    }


def _timer(statement: str, prefix: str = "") -> Callable[..., object]:
    body = "\n        ".join([statement] * UNROLLED)
    names = ", ".join(f"{name}={name}" for name in _names())
    source = (
        f"{prefix}def timed(repeat, clock, {names}):\n    started = clock()\n    for _ in repeat:\n        {body}\n"
        "    return clock() - started\n"
    )
    scope = _names()
    exec(source, scope)
    return scope["timed"]  # type: ignore[return-value]


def measure(repeats: int) -> dict[str, list[float]]:
    """Nanoseconds for one execution of each row, `repeats` times."""
    recorder = _native.SpanRecorder(capacity=4 * LOOPS * UNROLLED)
    timers = {label: _timer(code) for label, (code, _) in ROWS.items()} | {"pass": _timer("pass")}
    async_timers = {label: _timer(code, "async ") for label, code in ASYNC_ROWS.items()}
    times: dict[str, list[float]] = {label: [] for label in (*timers, *async_timers)}
    per_call = LOOPS * UNROLLED
    with recorder, _native.span("open"):
        for _ in range(repeats):
            for label, timer in timers.items():
                times[label].append(timer(range(LOOPS), time.perf_counter_ns) / per_call)  # type: ignore[operator]
                recorder.drain()
            for label, timer in async_timers.items():
                coroutine = timer(range(LOOPS), time.perf_counter_ns)
                times[label].append(asyncio.run(coroutine) / per_call)  # type: ignore[arg-type,operator]
                recorder.drain()
    lost = recorder.counts()["lost"]
    if lost:
        raise SystemExit(f"{lost} records were lost: the table would be of something else")
    off = _timer("with s: pass")
    times["with span, no recorder"] = [
        off(range(LOOPS), time.perf_counter_ns) / per_call  # type: ignore[operator]
        for _ in range(repeats)
    ]
    empty = min(times.pop("pass"))
    return {label: [t - empty for t in row] for label, row in times.items()}


def drain_rate(records: int = 10_000_000) -> tuple[float, float]:
    """Records a second, from the recorder to a pyarrow Table: of all records, and of the table of spans besides."""
    import pyarrow as pa

    recorder = _native.SpanRecorder(capacity=records + 4096)
    pa.table(recorder.drain())  # the first one imports pandas
    with recorder:
        timer = _timer("with s: pass")
        timer(range(records // UNROLLED), time.perf_counter_ns)
    begin = time.perf_counter_ns()
    drained = recorder.drain()
    table = pa.table(drained)
    drained_at = time.perf_counter_ns()
    spans = pa.table(drained.spans())
    end = time.perf_counter_ns()
    assert table.num_rows == spans.num_rows == records
    return records / (drained_at - begin) * 1e9, records / (end - begin) * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--no-drain", action="store_true")
    options = parser.parse_args()
    times = measure(options.repeats)
    pair = min(times["perf_counter_ns pair"])
    print(f"{'operation':34}{'min ns':>9}{'median ns':>11}{'of pair':>9}")
    for label, row in times.items():
        print(f"{label:34}{min(row):9.1f}{statistics.median(row):11.1f}{min(row) / pair:9.3f}")
    best = {label: min(row) for label, row in times.items()}
    print(f"with span / no-op with: {best['with span'] / best['no-op with, descriptor form']:.3f}")
    print(f"decorator adds, of pair: {(best['decorated f()'] - best['f()']) / pair:.3f}")
    print(f"decorated coroutine adds: {best['await decorated co()'] - best['await co()']:.1f} ns")
    ratios = []
    for _ in range(100):
        native, bare = _native._native_span_cost(20_000)
        ratios.append((native, bare))
    print(f"NativeSpan, no recorder / two bare readings: {min(n for n, _ in ratios) / min(b for _, b in ratios):.3f}")
    recorder = _native.SpanRecorder(capacity=25_000)
    ratios = []
    with recorder:
        for _ in range(100):
            ratios.append(_native._native_span_cost(20_000))
            recorder.drain()
    print(f"NativeSpan / two bare readings: {min(n for n, _ in ratios) / min(b for _, b in ratios):.3f}")
    if not options.no_drain:
        rate, both = drain_rate()
        print(f"drain to pyarrow: {rate / 1e6:.1f} M records/s; with the table of spans {both / 1e6:.1f}")


if __name__ == "__main__":
    main()
