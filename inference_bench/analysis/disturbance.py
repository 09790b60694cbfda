"""What else ran on a machine while it was timed, and how much of the time its launcher can have taken. All pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from inference_bench.analysis.trust.rule import number, section
from inference_bench.metrics import unit_of
from inference_bench.result import BenchmarkResult
from inference_bench.units import NS_PER_S

Worker = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happened beside measured processes during their timed windows, per time; None if unknown.

    Attributes:
        others_cpus: CPUs that all other processes of the machine used.
        launcher_cpus: CPUs that those of the launcher used, which are among the others.
        switches: involuntary context switches of the measured process per second.
        pressure: share of the time in which some task of the machine waited for a CPU.
        launcher: name of each of the launcher's commands → CPUs, most first.
    """

    others_cpus: float | None
    launcher_cpus: float | None
    switches: float | None
    pressure: float | None
    launcher: Mapping[str, float] = field(default_factory=dict)


def disturbance_of(workers: Iterable[Worker]) -> Disturbance:
    """Return what happened beside these processes; each figure is of those that have it on record.

    Args:
        workers: entries of ``BenchmarkResult.workers``.
    """
    workers = list(workers)
    switches = _rate(workers, lambda worker: _counter(worker, "involuntary_switches"))
    return Disturbance(
        others_cpus=_rate(workers, _others_ns),
        launcher_cpus=_rate(workers, _launcher_ns),
        switches=None if switches is None else switches * NS_PER_S,
        pressure=_rate(workers, lambda worker: _counter(worker, "cpu_pressure_ns")),
        launcher=_by_name([worker for worker in workers if _launcher_ns(worker) is not None]),
    )


def most_taken(workers: Iterable[Worker]) -> float | None:
    """Return the largest share of the timed time that the launcher can have taken from these processes.

    Its processes delay a measured thread only while they run and it waits for a CPU: so by the smaller of their CPU
    time and of the time that the threads waited. What they do to caches and clock speed is not in it.
    """
    return _rate(list(workers), _taken_ns)


@dataclass(frozen=True, slots=True)
class Taken:
    """A case of which the launcher can have taken more than its interval allows for.

    Attributes:
        share: of its time, as ``most_taken`` returns it.
        half_width: of the narrowest interval of its headline times, as a fraction of the figure.
    """

    share: float
    half_width: float


def beyond_interval(result: BenchmarkResult) -> Taken | None:
    """Return how much the launcher can have taken if that is more than half the width of an interval; else None."""
    share, half_width = most_taken(result.workers), _narrowest(result)
    if share is None or half_width is None or share <= half_width:
        return None
    return Taken(share, half_width)


def _narrowest(result: BenchmarkResult) -> float | None:
    """Return half the width of the narrowest interval of the headline times, as a fraction of the figure."""
    widths = []
    for summary in result.summaries:
        figure = summary.headline
        if summary.metric not in result.headline or unit_of(summary.metric) != "ns" or not figure.value:
            continue
        if figure.low is not None and figure.high is not None:
            widths.append((figure.high - figure.low) / 2 / figure.value)
    return min(widths, default=None)


def _rate(workers: Sequence[Worker], ns_of: Callable[[Worker], float | None]) -> float | None:
    """Return a counter over the time of the windows, summed over the processes that have both."""
    found = [(ns_of(worker), _counter(worker, "wall_ns")) for worker in workers]
    known = [(value, wall_ns) for value, wall_ns in found if value is not None and wall_ns]
    return sum(value for value, _ in known) / sum(wall_ns for _, wall_ns in known) if known else None


def _by_name(workers: Sequence[Worker]) -> dict[str, float]:
    used: Counter[str] = Counter()
    for worker in workers:
        launcher = section(worker, "launcher_ns")
        used.update({name: int(number(launcher, name) or 0) for name in launcher})
    wall_ns = sum(_counter(worker, "wall_ns") or 0 for worker in workers)
    return {name: cpu_ns / wall_ns for name, cpu_ns in used.most_common()} if wall_ns else {}


def _others_ns(worker: Worker) -> float | None:
    """Return the CPU time of all other processes; the kernel counts that of all in ticks, so it may seem below 0."""
    busy, own = _counter(worker, "busy_ns"), _counter(worker, "cpu_ns")
    return None if busy is None or own is None else max(0.0, busy - own)


def _launcher_ns(worker: Worker) -> float | None:
    """Return the CPU time of the launcher's processes; None outside of a share, and in old runs."""
    launcher = section(worker, "launcher_ns")
    return sum(number(launcher, name) or 0 for name in launcher) if "launcher_ns" in worker else None


def _taken_ns(worker: Worker) -> float | None:
    used, waited = _launcher_ns(worker), number(worker, "waited_ns")
    return used if used is None or waited is None else min(used, waited)


def _counter(worker: Worker, name: str) -> float | None:
    return number(section(worker, "usage"), name)
