"""What each harness adds to what it times, and how long it takes in all.

A function that does nothing, under our engine twice (``time_calls``, as the pytest fixture and ``@benchmark`` use it,
and ``iterations`` with a tick recorder, as those of models do), ``timeit``, ``torch.utils.benchmark`` and a plain
``perf_counter_ns`` pair, in turns. *overhead* is the
median of what each reports for one call of nothing, where it times calls one by one; a harness that divides a loop by
its count reports less, and cannot tell the calls apart. *cost* is the harness's own wall time for each sample it keeps.
optimum-benchmark, where it is installed, times by its own tracker.
pyperf measures in processes of its own, once for the whole table; each of its samples is a mean over a loop.

Run as ``python -m bench.harness``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from importlib.util import find_spec

from inference_bench._native import TickRecorder, now_ns
from inference_bench.benchmark.measurement import Measurement
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_S

SAMPLES = 2000


def nothing() -> None:
    """What is timed."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: 15)")
    rounds = parser.parse_args().rounds
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "inference_bench, a function": ours,
        "inference_bench, steps of a model": ours_by_steps,
        "perf_counter_ns pair": pair,
        "timeit, number=1": timeit_one_by_one,
        "torch.utils.benchmark, timeit(1)": torch_one_by_one,
    }
    if find_spec("optimum_benchmark"):
        ways["optimum-benchmark's tracker"] = optimum_tracker
    found: dict[str, list[tuple[float, float]]] = {}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            result = way()
            if turn:
                found.setdefault(name, []).append(result)
    found["pyperf timeit --fast"] = [pyperf_loop()]
    print("| harness | overhead, ns a sample | own cost, ns a sample |\n|---|---:|---:|")
    for name, results in found.items():
        overheads, costs = zip(*results, strict=True)
        print(f"| {name} | {statistics.median(overheads):,.0f} | {statistics.median(costs):,.0f} |")
    return 0


def _timed(take: Callable[[], list[float]]) -> tuple[float, float]:
    began = now_ns()
    values = take()
    return statistics.median(values), (now_ns() - began) / len(values)


_LIMITS = Limits(min_samples=SAMPLES, max_samples=SAMPLES, warmup_iterations=0, budget_ns=60 * NS_PER_S)


def ours() -> tuple[float, float]:
    """One function, call by call."""

    def take() -> list[float]:
        measurement = Measurement(_LIMITS)
        measurement.time_calls("call_time", nothing)
        return [float(value) for value in measurement.columns()["value"]]

    return _timed(take)


def ours_by_steps() -> tuple[float, float]:
    """Iterations under the stopping rule, each recorded with its start."""

    def take() -> list[float]:
        measurement, recorder = Measurement(_LIMITS), TickRecorder(2)
        tick = recorder.tick
        for iteration in measurement.iterations(("call_time",)):
            recorder.clear()
            tick()
            nothing()
            tick()
            start_ns, end_ns = recorder.nanoseconds().tolist()
            iteration.record("call_time", end_ns - start_ns, start_ns=start_ns)
        return [float(value) for value in measurement.columns()["value"]]

    return _timed(take)


def pair() -> tuple[float, float]:
    """What one writes by hand."""

    def take() -> list[float]:
        clock, values = time.perf_counter_ns, []
        for _ in range(SAMPLES):
            begin = clock()
            nothing()
            values.append(float(clock() - begin))
        return values

    return _timed(take)


def timeit_one_by_one() -> tuple[float, float]:
    """The standard library's, one call a value."""
    return _timed(lambda: [value * 1e9 for value in timeit.repeat(nothing, repeat=SAMPLES, number=1)])


def torch_one_by_one() -> tuple[float, float]:
    """PyTorch's Timer, one call a value; it resets the number of threads around each."""
    from torch.utils.benchmark import Timer

    timer = Timer("nothing()", globals={"nothing": nothing})
    return _timed(lambda: [timer.timeit(1).median * 1e9 for _ in range(SAMPLES // 10)])


def optimum_tracker() -> tuple[float, float]:
    """Track latency as optimum-benchmark's inference scenario does around each forward pass."""
    from optimum_benchmark.trackers.latency import LatencySessionTracker

    def take() -> list[float]:
        tracker = LatencySessionTracker(device="cpu", backend="pytorch")
        with tracker.session():
            while tracker.count() < SAMPLES:
                with tracker.track():
                    nothing()
            return [NS_PER_S * value for value in tracker.get_latency().values]

    return _timed(take)


def pyperf_loop() -> tuple[float, float]:
    """Time an empty function by pyperf's command."""
    import pyperf

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/pyperf.json"
        command = [sys.executable, "-m", "pyperf", "timeit", "--fast", "-q", "-o", path]
        began = now_ns()
        subprocess.run([*command, "-s", "def nothing(): pass", "nothing()"], check=True, stdout=subprocess.DEVNULL)
        wall = now_ns() - began
        values = pyperf.Benchmark.load(path).get_values()
        return NS_PER_S * statistics.median(values), wall / len(values)


if __name__ == "__main__":
    sys.exit(main())
