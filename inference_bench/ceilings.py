"""The fastest that a machine was seen to do: what a model's speed is held against. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

OLD_DAYS = 30
"""Kernels, firmware and neighbours of a machine change: older ceilings are measured again."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure between two bounds, all in one unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReadBandwidth:
    """Bytes per second of threads that add up all numbers of a working set, each thread its own part.

    Attributes:
        threads: that read.
        working_set_bytes: of all threads together.
        bytes_per_s: median of the repetitions, with its 95 % interval.
    """

    threads: int
    working_set_bytes: int
    bytes_per_s: Interval


@dataclass(frozen=True, slots=True)
class MatmulRate:
    """Floating-point operations per second of a large product of two square matrices in the framework.

    Attributes:
        dtype: one of ``spec.DTYPES``.
        threads: of the framework.
        flops_per_s: two per multiply-add; median of the repetitions, with its 95 % interval.
    """

    dtype: str
    threads: int
    flops_per_s: Interval


@dataclass(frozen=True, slots=True)
class GemvRate:
    """Floating-point operations per second of products of one row with many matrices in the framework (GEMV).

    Attributes:
        dtype: one of ``spec.DTYPES``.
        threads: of the framework.
        parameters: of each matrix, a square one.
        flops_per_s: two per multiply-add; median of the repetitions, with its 95 % interval.
    """

    dtype: str
    threads: int
    parameters: int
    flops_per_s: Interval


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """What a machine did beside the processes that measured its ceilings; None is what its kernel does not count.

    Attributes:
        others_cpus: CPUs that other processes used, on average.
        stolen: time that the hypervisor gave to other virtual machines, over threads x wall time.
        waited_for_memory: share of the time in which some task waited for memory.
        slow_downs_per_s: how often heat slowed the CPUs down.
    """

    others_cpus: float | None = None
    stolen: float | None = None
    waited_for_memory: float | None = None
    slow_downs_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The ceilings of one device of a machine.

    Attributes:
        fingerprint: of the machine, as in run records.
        device: kind of device, or one of that kind, as in ``Setup``.
        measured_utc: ISO 8601.
        read: bandwidth by threads and working set.
        matmul: rates by dtype and threads.
        gemv: rates by dtype, threads and size of a matrix; none in older files.
        operation_ns: time of the smallest operation of the framework, called one after another.
        launch_ns: time that the host takes to launch an empty kernel; None on a CPU.
        copy_bytes_per_s: bytes read and written per second by a copy within the device; None on a CPU.
        drift: by how much a median of the last round differed from that of the first, as a fraction: the largest.
        load: of the machine meanwhile; None in older files. ``analysis.machine_load`` judges it.
    """

    fingerprint: str
    device: str
    measured_utc: str
    read: tuple[ReadBandwidth, ...]
    matmul: tuple[MatmulRate, ...]
    operation_ns: Interval
    launch_ns: Interval | None = None
    copy_bytes_per_s: Interval | None = None
    drift: float = 0.0
    load: MachineLoad | None = None
    gemv: tuple[GemvRate, ...] = ()

    def age_days(self, now: datetime | None = None) -> float:
        """Return how long ago they were measured."""
        return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.measured_utc)).total_seconds() / 86_400

    def is_old(self, now: datetime | None = None) -> bool:
        """Whether they are to be measured again."""
        return self.age_days(now) > OLD_DAYS

    def has(self, threads: Iterable[int], dtypes: Iterable[str]) -> bool:
        """Whether these threads and these dtypes were measured."""
        pairs = {(each.threads, each.dtype) for each in self.matmul}
        return {*threads} <= {count for count, _ in pairs} and {*dtypes} <= {dtype for _, dtype in pairs}

    def read_bandwidth(self, threads: int, working_set_bytes: int) -> Interval | None:
        """Return the bandwidth at a working set, or None if it was not measured with this many threads.

        Between two measured sizes it lies between their bandwidths, and the interval covers both; beyond the largest
        size it is that one's.
        """
        return _at(
            {each.working_set_bytes: each.bytes_per_s for each in self.read if each.threads == threads},
            working_set_bytes,
        )

    def matmul_rate(self, dtype: str, threads: int) -> Interval | None:
        """Return the rate of a dtype with this many threads, or None if it was not measured."""
        found = (each.flops_per_s for each in self.matmul if (each.dtype, each.threads) == (dtype, threads))
        return next(found, None)

    def gemv_rate(self, dtype: str, threads: int, parameters: int) -> Interval | None:
        """Return the rate of products of one row with matrices of a size, or None if the dtype was not measured.

        Between two measured sizes it lies between their rates, and the interval covers both; beyond the smallest and
        the largest size it is theirs.
        """
        measured = (each for each in self.gemv if (each.dtype, each.threads) == (dtype, threads))
        return _at({each.parameters: each.flops_per_s for each in measured}, parameters)


def _at(measured: Mapping[int, Interval], size: int) -> Interval | None:
    """Return what was measured at a size, or around it; None if nothing was measured."""
    if not measured:
        return None
    below = max((each for each in measured if each <= size), default=min(measured))
    above = min((each for each in measured if each >= size), default=max(measured))
    return _around([measured[below], measured[above]])


def _around(intervals: Iterable[Interval]) -> Interval:
    found = list(intervals)
    middle = sum(each.value for each in found) / len(found)
    return Interval(middle, min(each.low for each in found), max(each.high for each in found))
