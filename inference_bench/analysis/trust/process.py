"""Rules on one measured process: what the operating system did to it, and what its instruments lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference_bench.analysis.trust.rule import MEMORY, TIME, Rule, above, number, section
from inference_bench.grade import Severity
from inference_bench.metrics import METRICS
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Process:
    """What is on record of one process.

    Attributes:
        setup: what it measured with.
        is_busy: whether a stopping rule timed steady work that the threads are meant for, unlike loading or a function.
        usage: its counters as ``machine.process_usage.Usage`` names them, over the timed windows, else over the case.
        sampler: statistics of the memory sampler.
        spans: span counts of a live profile.
    """

    setup: Setup
    is_busy: bool
    usage: Mapping[str, object]
    sampler: Mapping[str, object]
    spans: Mapping[str, object]

    def per_wall(self, name: str, threads: int = 1) -> float | None:
        """Return a counter over wall time × threads; None if unknown."""
        wall, value = number(self.usage, "wall_ns"), number(self.usage, name)
        return None if value is None or wall is None or wall <= 0 else value / (wall * threads)

    def per_second(self, name: str) -> float | None:
        """Return how much of a counter fell into one second; None if unknown."""
        share = self.per_wall(name)
        return None if share is None else share * NS_PER_S


def process_of(worker: Mapping[str, object], setup: Setup) -> Process:
    """Return what an entry of ``BenchmarkResult.workers`` says."""
    usage, sampler, spans = (section(worker, name) for name in ("usage", "sampler", "spans"))
    targets = section(section(worker, "decision"), "targets")
    is_busy = any(name not in METRICS or METRICS[name].threaded for name in targets)
    return Process(setup, is_busy, usage, sampler, spans)


def _idle(process: Process) -> str | None:
    busy = process.per_wall("cpu_ns", process.setup.threads)
    # Threads wait for each other at the end of each operator; such waits rarely take a fifth of the time.
    # Threads that feed a GPU are meant to wait for it.
    if busy is None or busy >= 0.8 or process.setup.device != "cpu" or not process.is_busy:
        return None
    return f"CPU time was {busy:.0%} of wall time × {process.setup.threads} threads while measuring"


def _contended(process: Process) -> str | None:
    waited, busy, own = process.per_wall("cpu_pressure_ns"), process.per_wall("busy_ns"), process.per_wall("cpu_ns")
    # The kernel counts any waiting task (PSI "some"), most of which wait beside the measured process.
    if waited is None or waited <= 0.1:
        return None
    others = "" if busy is None or own is None else f"; other processes used {max(0.0, busy - own):.1f} CPUs"
    return f"some task waited for a CPU during {waited:.0%} of the time while measuring{others}"


def _missed(process: Process) -> str | None:
    missed, samples = (number(process.sampler, name) or 0 for name in ("missed", "samples"))
    # A sampler that lengthens its interval to keep its cost low misses single ticks.
    if missed <= 0.05 * samples:
        return None
    return f"the memory sampler missed {missed:,} ticks and took {samples:,} readings"


def _lost_spans(process: Process) -> str | None:
    lost, recorded = (number(process.spans, name) or 0 for name in ("lost", "recorded"))
    return f"{lost:,} spans were lost and {recorded:,} recorded since the profiler began" if lost else None


PROCESS_RULES: tuple[Rule[Process], ...] = (
    Rule(
        "idle_threads",
        Severity.SERIOUS,
        _idle,
        "the threads waited for each other, for other work or for the disk, or the model does not use them",
        "stop other work, or use fewer --threads",
        moves=TIME,
    ),
    Rule(
        "steal",
        Severity.SERIOUS,
        # The kernel sums steal over all CPUs. An idle virtual CPU has no time to steal, so on an otherwise idle
        # machine all of it was taken from the measured threads. 1 % is what an interval of a median can resolve.
        above(
            lambda process: process.per_wall("steal_ns", process.setup.threads),
            0.01,
            "the hypervisor took {:.1%} of the threads' time while measuring",
        ),
        "samples contain time in which the measured process did not run",
        "measure on a dedicated machine, or at another time",
        moves=TIME,
    ),
    Rule(
        "contention",
        Severity.SERIOUS,
        _contended,
        "the measured process may have been the one that waited",
        "stop other work, or use fewer --threads",
        moves=TIME,
    ),
    Rule(
        "memory_pressure",
        Severity.SERIOUS,
        # Lower than for the CPU: a machine with enough memory shows 0.
        above(
            lambda process: process.per_wall("memory_pressure_ns"),
            0.01,
            "some task waited for memory during {:.1%} of the time while measuring",
        ),
        "a memory access may wait until the kernel has freed some, and resident memory may be too low",
        "stop other work, or take a smaller model",
        moves=TIME | MEMORY,
    ),
    Rule(
        "preempted",
        Severity.MINOR,
        # The kernel counts all threads of the process, and each shares its own core. A thread alone on a core is
        # preempted a few times per second; one that shares its core, once per time slice of some milliseconds.
        above(
            lambda process: (rate := process.per_second("involuntary_switches")) and rate / process.setup.threads,
            100,
            "{:.0f} involuntary context switches per second and thread",
        ),
        "other work shared the cores",
        "stop other work, or use fewer --threads",
        moves=TIME,
    ),
    Rule(
        "throttled",
        Severity.SERIOUS,
        above(
            lambda process: number(process.usage, "throttles"),
            0,
            "CPUs were slowed down by heat {:,} times while measuring",
        ),
        "the samples mix clock speeds",
        "cool the machine, let it rest between cases, or limit the clock for the whole run",
        moves=TIME,
    ),
    Rule(
        "major_faults",
        Severity.MINOR,
        above(
            lambda process: number(process.usage, "major_faults"),
            0,
            "{:,} page faults waited for the disk while measuring",
        ),
        "the samples with these faults are too long",
        "measure again, with the weights in the page cache",
        moves=TIME,
    ),
    Rule(
        "page_faults",
        Severity.MINOR,
        # A page fault without the disk costs 0.5 to 1 µs: 10,000 per second take up to 1 % of the time.
        above(lambda process: process.per_second("minor_faults"), 10_000, "{:,.0f} page faults per second"),
        "times contain the kernel's work of providing fresh memory",
        "keep the allocator from returning memory: MALLOC_TRIM_THRESHOLD_, or another allocator",
        moves=TIME,
    ),
    Rule(
        "garbage_collector",
        Severity.MINOR,
        # A model's steps that allocate no cycles cause none; one per second is more than the loop around them does.
        above(lambda process: process.per_second("gc_collections"), 1, "{:.1f} garbage collections per second"),
        "some samples contain one",
        "create fewer objects in the measured path",
        moves=TIME,
    ),
    Rule(
        "missed_ticks",
        Severity.MINOR,
        _missed,
        "the memory curve has gaps; exact peaks come from the kernel and are not affected",
        "stop other work",
    ),
    Rule(
        "dropped_readings",
        Severity.SERIOUS,
        above(lambda process: number(process.sampler, "dropped"), 0, "the memory sampler was full: {:,} readings lost"),
        "the memory curve ends too early; exact peaks come from the kernel and are not affected",
        "measure fewer tokens per case",
    ),
    Rule(
        "dropped_spans",
        Severity.SERIOUS,
        _lost_spans,
        "requests are missing, most likely from the busiest moments",
        "give the recorder more memory, or collect more often",
        moves=TIME,
    ),
)
