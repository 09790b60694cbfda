"""What the operating system did to the processes of a case while they were timed, as shares with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from inference_bench.analysis.advice.missing import AGAIN, MissingFactError
from inference_bench.analysis.trust.rule import number, section
from inference_bench.ceilings import Interval
from inference_bench.units import NS_PER_S, NS_PER_US

Worker = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """The processes of one case; every interval covers all of them.

    Attributes:
        workers: entries of ``BenchmarkResult.workers``.
        threads: of the set-up.
        usable_cpus: that the processes might use, a quota included; None if unknown.
    """

    workers: tuple[Worker, ...]
    threads: int
    usable_cpus: float | None

    def cpus_used(self) -> Interval:
        """Return how many CPUs the process kept busy."""
        return self._each(lambda worker: _counter(worker, "cpu_ns") / _wall_ns(worker))

    def cpus_wanted(self) -> Interval:
        """Return how many CPUs the process would have used, had no thread waited for one."""
        return self._each(lambda worker: (_counter(worker, "cpu_ns") + _waited_ns(worker)) / _wall_ns(worker))

    def waited_for_cpu(self) -> Interval:
        """Return the share of the time that runnable threads waited for a CPU instead of running."""
        return self._each(lambda worker: _ratio(_waited_ns(worker), _waited_ns(worker) + _counter(worker, "cpu_ns")))

    def threads_per_cpu(self) -> Interval:
        """Return the threads that computed over the CPUs that they might use."""
        usable = self.usable_cpus
        if usable is None:
            raise MissingFactError("how many CPUs the process may use", AGAIN)
        return self._each(lambda worker: _busy_threads(worker) / usable)

    def idle_share(self) -> Interval:
        """Return the share of the set-up's threads × time in which a thread neither ran nor waited for a CPU."""
        wanted = self.cpus_wanted()
        shares = [1 - each / self.threads for each in (wanted.value, wanted.high, wanted.low)]
        return Interval(*shares)

    def stolen(self) -> Interval:
        """Return the share of the threads' time that the hypervisor gave to other VMs."""
        return self._each(lambda worker: _counter(worker, "steal_ns") / (_wall_ns(worker) * self.threads))

    def others_cpus(self) -> Interval:
        """Return how many CPUs other processes of the machine used."""
        return self._each(
            lambda worker: max(0.0, _counter(worker, "busy_ns") - _counter(worker, "cpu_ns")) / _wall_ns(worker)
        )

    def throttled(self) -> Interval:
        """Return the share of the periods of a CPU quota in which the quota was used up; 0 without a quota."""
        return self._each(lambda worker: _ratio(_counter(worker, "quota_throttles"), _counter(worker, "quota_periods")))

    @property
    def counts_heat(self) -> bool:
        """Whether the kernel counts slow-downs by heat; those of virtual machines do not."""
        return all(number(section(worker, "usage"), "throttles") is not None for worker in self.workers)

    def slowed_by_heat(self) -> Interval:
        """Return how often per second CPUs were slowed down by heat."""
        return self._each(lambda worker: _counter(worker, "throttles") / _wall_ns(worker) * NS_PER_S)

    def kernel_share(self) -> Interval:
        """Return the share of the CPU time that the kernel spent for the process."""
        return self._each(lambda worker: _ratio(_counter(worker, "system_ns"), _counter(worker, "cpu_ns")))

    def kernel_per_fault_us(self) -> Interval:
        """Return the kernel's microseconds per page fault without the disk: the most that a fault can have cost."""
        return self._each(
            lambda worker: _counter(worker, "system_ns") / NS_PER_US / max(1.0, _counter(worker, "minor_faults"))
        )

    def kernel_time_share(self) -> Interval:
        """Return the kernel's time for the process over the time that it was timed."""
        return self._each(lambda worker: _counter(worker, "system_ns") / _wall_ns(worker))

    def disk_faults(self) -> Interval:
        """Return the page faults per second that waited for the disk."""
        return self._each(lambda worker: _counter(worker, "major_faults") / _wall_ns(worker) * NS_PER_S)

    def _each(self, measure: Callable[[Worker], float]) -> Interval:
        values = [measure(worker) for worker in self.workers]
        if not values:
            raise MissingFactError("what the operating system did", AGAIN)
        return Interval(median(values), min(values), max(values))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _wall_ns(worker: Worker) -> float:
    wall = _counter(worker, "wall_ns")
    if wall <= 0:
        raise MissingFactError("how long the process was timed", AGAIN)
    return wall


def _counter(worker: Worker, name: str) -> float:
    value = number(section(worker, "usage"), name)
    if value is None:
        raise MissingFactError(_COUNTERS[name], _tell(name))
    return value


def _waited_ns(worker: Worker) -> float:
    value = number(worker, "waited_ns")
    if value is None:
        raise MissingFactError("how long threads waited for a CPU (schedstat)", AGAIN)
    return value


def _busy_threads(worker: Worker) -> float:
    value = number(worker, "busy_threads")
    if not value:
        raise MissingFactError("how many threads computed (schedstat)", AGAIN)
    return value


_COUNTERS = {
    "wall_ns": "how long the process was timed",
    "cpu_ns": "its CPU time",
    "steal_ns": "what the hypervisor took",
    "busy_ns": "the CPU time of other processes",
    "quota_throttles": "whether a CPU quota was used up",
    "quota_periods": "whether there is a CPU quota",
    "throttles": "whether heat slowed the CPUs down",
    "system_ns": "the kernel's share of the CPU time",
    "minor_faults": "its page faults",
    "major_faults": "its page faults that waited for the disk",
}
"""Counter of ``machine.process_usage.Usage`` → what it says."""

_BY_KERNEL = frozenset({"steal_ns", "busy_ns"})
"""Counters that some kernels do not keep, so that measuring again tells nothing."""


def _tell(name: str) -> str:
    return "measure on a machine whose kernel counts it" if name in _BY_KERNEL else AGAIN
