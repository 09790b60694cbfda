"""Does a Prometheus scrape slow down those who record, or tear a value?

Four threads observe into 100 histograms at full speed. Periods with one scrape and without take turns; a scrape is what
an endpoint does: read all series, and render the text. Every value that is observed is the same, so a scrape that saw
half of an observation shows at once: the sum must be the count times the value, and the last bucket the count.

The threads share Python's interpreter lock with the scrape, as a server's do, so a scrape must cost them something:
its length over the period, of which each of five threads has a fifth to lose.

Run as ``python -m bench.live_scrape``; exits with 1 if a period slows the writers by more than 2 %, or a value is torn.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
import time
from itertools import cycle, islice

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from inference_bench import _native
from inference_bench.analysis.location_shift import paired_shift
from inference_bench.live import Profiler
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.units import NS_PER_S, format_ns

HISTOGRAMS, WRITERS, VALUE_NS = 100, 4, 1 << 20
TARGET = 0.02


def main() -> int:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=int, default=20, help="periods with a scrape, and as many without (default: 20)"
    )
    parser.add_argument("--period", type=float, default=5.0, help="seconds between two scrapes (default: 5)")
    given = parser.parse_args()
    with Profiler("bench") as profiler:
        registry = CollectorRegistry()
        registry.register(PrometheusCollector(profiler))
        histograms = [profiler.histogram("latency", number=number) for number in range(HISTOGRAMS)]
        writers = [_Writer(histograms[start::WRITERS]) for start in range(WRITERS)]
        for writer in writers:
            writer.start()
        rates: dict[bool, list[float]] = {True: [], False: []}
        scrapes: list[tuple[int, bytes]] = []
        for number in range(2 * given.pairs + 1):
            scraped = number % 4 in (1, 2)  # ABBA
            before, began_ns = sum(w.written for w in writers), _native.now_ns()
            if scraped:
                text = generate_latest(registry)
                scrapes.append((_native.now_ns() - began_ns, text))
            time.sleep(max(given.period - (_native.now_ns() - began_ns) / NS_PER_S, 0))
            written, took_ns = sum(w.written for w in writers) - before, _native.now_ns() - began_ns
            if number:  # the first period warms up
                rates[scraped].append(written * NS_PER_S / took_ns)
        for writer in writers:
            writer.stop()
    shift = paired_shift(np.log(np.array(rates[False]) / np.array(rates[True])))
    torn = sum(_torn(text.decode()) for _, text in scrapes)
    slower, ends = math.expm1(shift.value), shift.interval()
    interval = "too few pairs" if ends is None else f"[{math.expm1(ends[0]):+.3%}, {math.expm1(ends[1]):+.3%}]"
    print(f"{HISTOGRAMS} histograms, {WRITERS} threads, {np.median(rates[False]):,.0f} observations a second")
    beside = format_ns(float(np.median([took for took, _ in scrapes])))
    print(f"a scrape beside them takes {beside}, and {_alone(registry)} alone")
    print(f"writers are slower by {slower:+.3%} {interval} at one scrape every {given.period:g} s")
    print(f"torn values: {torn} of {len(scrapes) * HISTOGRAMS:,}")
    return int(torn > 0 or slower > TARGET)


class _Writer(threading.Thread):
    """Observes the same value into its histograms in turn, until it is stopped."""

    def __init__(self, histograms: list[_native.Histogram]) -> None:
        super().__init__(daemon=True)
        self.written = 0
        self._turns = cycle([histogram.observe_ns for histogram in histograms])
        self._stopped = False

    def run(self) -> None:
        while not self._stopped:
            for observe in islice(self._turns, 1000):
                observe(VALUE_NS)
            self.written += 1000

    def stop(self) -> None:
        """End it."""
        self._stopped = True
        self.join()


def _alone(registry: CollectorRegistry) -> str:
    """Return how long a scrape takes without writers."""
    took = []
    for _ in range(10):
        began_ns = _native.now_ns()
        generate_latest(registry)
        took.append(_native.now_ns() - began_ns)
    return format_ns(float(np.median(took)))


def _torn(text: str) -> int:
    """Return how many histograms of a scrape contradict themselves."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        if family.name != "bench_latency_seconds":
            continue
        for sample in family.samples:
            if sample.labels.get("le", "+Inf") == "+Inf":
                found.setdefault(sample.labels["number"], {})[sample.name.rpartition("_")[2]] = sample.value
    bad = [
        row
        for row in found.values()
        if row["bucket"] != row["count"] or not math.isclose(row["sum"], row["count"] * VALUE_NS / NS_PER_S)
    ]
    return len(bad) + HISTOGRAMS - len(found)


if __name__ == "__main__":
    sys.exit(main())
