"""The facts of one phase of a case: its time, what the model asks for, and what the machine can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from inference_bench.analysis.advice.intervals import as_percent, exactly, minus, over, plus, times
from inference_bench.analysis.advice.missing import MissingFactError
from inference_bench.analysis.advice.phase import LOAD, Phase, Work, matrices_of, time_of, work_of
from inference_bench.analysis.advice.process_facts import ProcessFacts
from inference_bench.analysis.trust.rule import number, section
from inference_bench.ceilings import Ceilings, Interval
from inference_bench.result import BenchmarkResult, RunRecord
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_S

MEASURE_CEILINGS = "run `ceilings`"
"""What tells a ceiling."""
_PARTITION = "partition"
"""The policy of loading ahead by which one CPU is for loaders, and the measured process has the others."""


_EXCEEDED = 1.2
"""A share above this, with its whole interval, says that the ceiling was measured while something else ran."""


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """One phase of a case, and all that is known about it.

    Attributes:
        result: the case.
        record: its run.
        phase: of the case.
        ceilings: of the machine and device that it was measured on; None if unknown.
        others: the other cases of the run.
    """

    result: BenchmarkResult
    record: RunRecord
    phase: Phase
    ceilings: Ceilings | None = None
    others: Sequence[BenchmarkResult] = ()

    @property
    def setup(self) -> Setup:
        """The set-up of the case."""
        return self.result.case.setup

    @property
    def is_on_gpu(self) -> bool:
        """Whether the model computes on a device of its own."""
        return self.setup.device != "cpu"

    @property
    def usable_cpus(self) -> float | None:
        """CPUs that the process may use: of its quota, and without one that was left to loaders; None if unknown."""
        usable = number(section(self.record.environment, "cpu"), "usable")
        if usable is not None and self.record.overlap.get("policy") == _PARTITION:
            usable -= 1
        quota = number(section(self.record.environment, "cgroup"), "cpu_quota")
        known = [each for each in (usable, quota) if each]
        return min(known, default=None)

    @property
    def process(self) -> ProcessFacts:
        """What the operating system did."""
        return ProcessFacts(tuple(self.result.workers), self.setup.threads, self.usable_cpus)

    def work(self) -> Work:
        """Return what a step asks for.

        Raises:
            MissingFactError: it is unknown.
        """
        return work_of(self.result, self.phase)

    def known_ceilings(self) -> Ceilings:
        """Return the ceilings.

        Raises:
            MissingFactError: they are unknown.
        """
        if self.ceilings is None:
            raise MissingFactError("the machine's ceilings", MEASURE_CEILINGS)
        return self.ceilings

    def bandwidth(self, threads: int | None = None, size: float | None = None) -> Interval:
        """Return the bytes per second that threads can read.

        Args:
            threads: None for those of the set-up.
            size: bytes that they read again and again; None for those of a step.

        Raises:
            MissingFactError: it was not measured.
        """
        count = threads or self.setup.threads
        found = self.known_ceilings().read_bandwidth(count, round(size or self.work().bytes.value))
        if found is None:
            raise MissingFactError(f"the read bandwidth of {count} threads", f"{MEASURE_CEILINGS} --threads {count}")
        return found

    def matmul_rate(self, dtype: str | None = None, threads: int | None = None) -> Interval:
        """Return the floating-point operations per second of large products.

        Args:
            dtype: None for that of the set-up.
            threads: None for those of the set-up.

        Raises:
            MissingFactError: it was not measured.
        """
        kind, count = dtype or self.setup.dtype, threads or self.setup.threads
        found = self.known_ceilings().matmul_rate(kind, count)
        if found is None:
            advice = f"{MEASURE_CEILINGS} --dtype {kind} --threads {count}"
            raise MissingFactError(f"the matmul rate of {kind} with {count} threads", advice)
        return found

    def one_row_ns(self, dtype: str | None = None) -> Interval | None:
        """Return the time of a decode step's matrix products at the rates of one row; None where either is unknown.

        Args:
            dtype: None for that of the set-up.
        """
        matrices = matrices_of(self.result, self.phase)
        found = self.known_ceilings()
        rates = [found.gemv_rate(dtype or self.setup.dtype, self.setup.threads, size) for size, _ in matrices]
        known = [rate for rate in rates if rate is not None]
        if not matrices or len(known) < len(rates):
            return None
        flops = [exactly(2 * size * count * NS_PER_S) for size, count in matrices]
        return reduce(plus, map(over, flops, known))

    def memory_share(self) -> Interval:
        """Return the time that the machine needs to read a step's bytes, over the step's time (MBU)."""
        return self._share(over(self.work().bytes, self.bandwidth()))

    def compute_share(self) -> Interval:
        """Return the time that the machine needs for a step's arithmetic, over the step's time (MFU)."""
        return self._share(over(self.work().flops, self.matmul_rate()))

    def overhead_share(self) -> Interval:
        """Return the time that a step's operations take when they have nothing to do, over the step's time."""
        return self._operations_share(self.known_ceilings().operation_ns)

    def launch_share(self) -> Interval:
        """Return the time that the host takes to launch a step's operations, over the step's time."""
        launch_ns = self.known_ceilings().launch_ns
        if launch_ns is None:
            raise MissingFactError("the time of a launch on this device", MEASURE_CEILINGS)
        return self._operations_share(launch_ns)

    def memory_over_compute(self) -> Interval:
        """Return by how much the memory's share exceeds that of the arithmetic."""
        return minus(self.memory_share(), self.compute_share())

    def waiting_in_queue(self) -> Interval:
        """Return the share of the time to the first token beyond that of the quickest request, which found no queue."""
        return minus(exactly(1.0), over(exactly(self.phase.fastest_ns), self.phase.time_ns))

    def disk_share(self) -> Interval:
        """Return the share of a cold load that a warm one does not need: 1 - warm time / cold time.

        Raises:
            MissingFactError: the run has no warm load of this set-up.
        """
        return minus(exactly(1.0), over(self.warm_load_ns(), self.phase.time_ns))

    def warm_load_ns(self) -> Interval:
        """Return the time of the same load with its files in the page cache.

        Raises:
            MissingFactError: the run has none.
        """
        own = self.result.case
        for other in self.others:
            case = other.case
            same = (case.model, case.benchmark, case.setup) == (own.model, own.benchmark, own.setup)
            if same and case.parameters == {**own.parameters, "page_cache": "warm"}:
                found = [s for s in other.summaries if (s.metric, s.phase) == (self.phase.metric, "total")]
                if found:
                    return time_of(found[0])
        tell = "run --benchmark model_loading_time -a page_cache=warm,cold"
        raise MissingFactError("the time of a load from the page cache", tell)

    @property
    def is_cold_load(self) -> bool:
        """Whether the phase is a load whose files were not in memory."""
        return self.phase.name == LOAD and self.result.case.parameters.get("page_cache") == "cold"

    def _operations_share(self, each_ns: Interval) -> Interval:
        operations = self.work().operations
        if operations is None:
            raise MissingFactError("how many operations a step calls", "measure in an engine that counts them")
        return over(times(operations, each_ns), self.phase.time_ns)

    def _share(self, seconds: Interval) -> Interval:
        share = over(times(seconds, exactly(NS_PER_S)), self.phase.time_ns)
        if share.low > _EXCEEDED:
            fact = f"a ceiling that the case does not exceed (it reaches {as_percent(share)} of it)"
            raise MissingFactError(fact, f"{MEASURE_CEILINGS} again while the machine is quiet")
        return share
