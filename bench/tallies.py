"""What histograms, counters and gauges cost, beside a perf_counter_ns pair and the peers.

Run as ``python -m bench.tallies``; exits with 1 if a target is missed. The targets are ratios of minima, the best of
three fresh processes.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time

from bench.interleave import Candidate, best_ratio, in_fresh_processes, time_interleaved
from inference_bench import _native

PAIR = "perf_counter_ns pair"
# Ours at most so much of the pair; peers at least so many times ours.
OVER_PAIR = {"Histogram.observe": 0.10, "Counter.inc": 0.08}
OVER_OURS = {
    ("prometheus Histogram.observe", "Histogram.observe"): 60.0,
    ("prometheus Counter.inc", "Counter.inc"): 40.0,
    ("hdrhistogram record_value", "Histogram.observe_ns"): 70.0,
    ("DDSketch.add", "Histogram.observe"): 40.0,
}


def candidates() -> list[Candidate]:
    """Ours, and the peers that are installed."""
    histogram, fine, counter, gauge = _native.Histogram(), _native.Histogram(10), _native.Counter(), _native.Gauge()
    found = [
        Candidate(PAIR, "t = f(); t = f() - t", {"f": time.perf_counter_ns}),
        Candidate("Histogram.observe", "h.observe(0.0123)", {"h": histogram}),
        Candidate("Histogram(10).observe", "h.observe(0.0123)", {"h": fine}),
        Candidate("Histogram.observe_ns", "h.observe_ns(12345678)", {"h": histogram}),
        Candidate("Histogram.observe_ns, above 2^30", "h.observe_ns(12345678901)", {"h": histogram}),
        Candidate("Counter.inc", "c.inc()", {"c": counter}),
        Candidate("Counter.add", "c.add(5)", {"c": counter}),
        Candidate("Gauge.set", "g.set(1.5)", {"g": gauge}),
        Candidate("Gauge.inc", "g.inc()", {"g": gauge}),
    ]
    try:
        import prometheus_client as prometheus

        registry = prometheus.CollectorRegistry()
        h, c = prometheus.Histogram("h", "h", registry=registry), prometheus.Counter("c", "c", registry=registry)
        found += [
            Candidate("prometheus Histogram.observe", "h.observe(0.0123)", {"h": h}, calls=400),
            Candidate("prometheus Counter.inc", "c.inc()", {"c": c}, calls=400),
        ]
    except ImportError:
        pass
    try:
        from hdrh.histogram import HdrHistogram

        hdr = HdrHistogram(1, 2**40 - 1, 2)
        found.append(Candidate("hdrhistogram record_value", "h.record_value(12345678)", {"h": hdr}, calls=400))
    except ImportError:
        pass
    try:
        from ddsketch import DDSketch

        found.append(Candidate("DDSketch.add", "s.add(0.0123)", {"s": DDSketch()}, calls=400))
    except ImportError:
        pass
    return found


def main() -> int:
    """Print a table, and what is missed."""
    if "--child" in sys.argv:
        costs = time_interleaved(candidates(), rounds=100)
        print(json.dumps({name: dataclasses.asdict(cost) for name, cost in costs.items()}))
        return 0
    runs = in_fresh_processes("bench.tallies", 3)
    print("| operation | min ns | median ns | medians of the runs | over the pair |\n|---|---|---|---|---|")
    for name in runs[0]:
        medians = sorted(run[name].median for run in runs)
        least = min(run[name].minimum for run in runs)
        print(
            f"| {name} | {least:.1f} | {statistics.median(medians):.1f} | {medians[0]:.1f} to {medians[-1]:.1f} "
            f"| {best_ratio(runs, name, PAIR):.3f} |"
        )
    missed = [
        f"{name}: {best_ratio(runs, name, PAIR):.3f} of the pair, not {limit}"
        for name, limit in OVER_PAIR.items()
        if best_ratio(runs, name, PAIR) > limit
    ]
    print()
    for (peer, ours), limit in OVER_OURS.items():
        if peer not in runs[0]:
            continue
        times = 1 / best_ratio(runs, ours, peer)
        print(f"{peer} costs {times:.0f} times {ours} (target: {limit:.0f})")
        if times < limit:
            missed.append(f"{peer}: {times:.0f} times {ours}, not {limit:.0f}")
    for line in missed:
        print(f"MISSED {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
