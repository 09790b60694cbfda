"""The table of classes: what a phase of a case may be limited by, and the figures that show it.

A class is named only if the whole interval of each of its figures lies on one side of the threshold. The thresholds
are judged by kernels of known class (``bench/advice.py``).
"""

from __future__ import annotations

from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.class_rule import ClassRule
from inference_bench.analysis.advice.condition import Condition
from inference_bench.analysis.advice.intervals import as_number
from inference_bench.analysis.advice.phase import LOAD, PROCESS, REQUESTS, STEPS
from inference_bench.analysis.machine_load import OTHERS_CPUS, SLOW_DOWNS_PER_S, STOLEN
from inference_bench.metrics import METRICS

RULES_VERSION = 1
"""Raised whenever a rule or threshold changes, so that stored advice can be told apart."""

_NEAR_CEILING = "real kernels reach 65 to 97 % of a measured ceiling when nothing else limits them"
_MOST = "more than half of the time is then explained by this alone"

MEMORY_SHARE = Condition(
    "MBU",
    "the time that a step's bytes take at the measured bandwidth, over the step's time",
    CaseFacts.memory_share,
    0.6,
    _NEAR_CEILING,
)
COMPUTE_SHARE = Condition(
    "MFU",
    "the time that a step's arithmetic takes at the measured matmul rate, over the step's time",
    CaseFacts.compute_share,
    0.6,
    _NEAR_CEILING,
)
_MORE_MEMORY = Condition(
    "MBU less MFU", "the difference of both", CaseFacts.memory_over_compute, 0.0, "the larger of the two limits"
)
_MORE_COMPUTE = Condition(
    "MBU less MFU", "the difference of both", CaseFacts.memory_over_compute, 0.0, "the larger of the two limits", False
)
_OVERHEAD = Condition(
    "the operations' overhead",
    "operations of a step x the time of the smallest operation, over the step's time",
    CaseFacts.overhead_share,
    0.5,
    _MOST,
)
_LAUNCHES = Condition(
    "the launches' share",
    "operations of a step x the host's time for a launch, over the step's time",
    CaseFacts.launch_share,
    0.5,
    _MOST,
)
_WAITED = Condition(
    "waiting for a CPU",
    "the time that the process's own runnable threads waited, over that and their CPU time",
    lambda facts: facts.process.waited_for_cpu(),
    0.1,
    "a thread alone on its CPU waits 1 to 3 % of the time for the kernel's own work",
)
_TOO_MANY = Condition(
    "busy threads per usable CPU",
    "threads that computed, over the CPUs that the process may use, a quota included",
    lambda facts: facts.process.threads_per_cpu(),
    1.0,
    "with more, some must wait",
    written=as_number,
)
_NOT_TOO_MANY = Condition(
    "busy threads per usable CPU",
    "threads that computed, over the CPUs that the process may use, a quota included",
    lambda facts: facts.process.threads_per_cpu(),
    1.01,
    "with more, it waits for itself",
    above=False,
    written=as_number,
)
_OTHERS = Condition(
    "CPUs used by others",
    "CPU time of all other processes of the machine, over wall time",
    lambda facts: facts.process.others_cpus(),
    OTHERS_CPUS,
    "the harness itself and an idle system use a few hundredths",
    written=as_number,
)
_STOLEN = Condition(
    "steal",
    "time that the hypervisor gave to other VMs, over threads x wall time",
    lambda facts: facts.process.stolen(),
    STOLEN,
    "an interval of a median resolves about 1 %",
)
_THROTTLED = Condition(
    "periods with the quota used up",
    "periods in which the control group's CPU quota stopped a thread, over all periods",
    lambda facts: facts.process.throttled(),
    0.05,
    "a pause in one period of twenty moves no median, but shows that the quota binds",
)
_NOT_THROTTLED = Condition(
    "periods with the quota used up",
    "periods in which the control group's CPU quota stopped a thread, over all periods",
    lambda facts: facts.process.throttled(),
    0.05,
    "a pause that the quota makes is no waiting of the model's own",
    above=False,
)
_HEAT = Condition(
    "slow-downs by heat per second",
    "the kernel's count of thermal throttling",
    lambda facts: facts.process.slowed_by_heat(),
    SLOW_DOWNS_PER_S,
    "a cool machine has none",
    written=as_number,
)
_IDLE = Condition(
    "idle share of the threads",
    "1 - (CPU time and waiting for a CPU) / (threads x wall time)",
    lambda facts: facts.process.idle_share(),
    0.2,
    "threads wait for each other at the end of each operation; that rarely takes a fifth of the time",
)
_COMPUTES = Condition(
    "CPUs wanted",
    "CPU time and waiting for a CPU, over wall time",
    lambda facts: facts.process.cpus_wanted(),
    0.5,
    _MOST,
    written=as_number,
)
_SLEEPS = Condition(
    "CPUs wanted",
    "CPU time and waiting for a CPU, over wall time",
    lambda facts: facts.process.cpus_wanted(),
    0.5,
    "a step that computes keeps at least one CPU busy; with less than half of one, no thread ran most of the time",
    above=False,
    written=as_number,
)
_NO_DISK = Condition(
    "disk faults per second",
    "major page faults over wall time",
    lambda facts: facts.process.disk_faults(),
    10.0,
    "each costs up to 10 ms on a disk: ten of them are a tenth of the time",
    above=False,
    written=as_number,
)
_KERNEL = Condition(
    "kernel's share",
    "CPU time in the kernel, over all CPU time of the process",
    lambda facts: facts.process.kernel_share(),
    0.1,
    "steps that allocate nothing new spend 1 to 2 % in the kernel",
)
_BY_FAULTS = Condition(
    "kernel's µs per page fault",
    "CPU time in the kernel over minor page faults",
    lambda facts: facts.process.kernel_per_fault_us(),
    20.0,
    "a fault costs 0.25 to 4 µs, with its share of unmapping; above 20 µs something else keeps the kernel busy",
    above=False,
    written=as_number,
)
_FROM_DISK = Condition(
    "the disk's share",
    "1 - time of the load from the page cache / time of the cold load",
    CaseFacts.disk_share,
    0.3,
    "below that, a faster disk gains less than the spread of loads",
)
_QUEUED = Condition(
    "waiting in the queue",
    "1 - shortest time to the first token / its median",
    CaseFacts.waiting_in_queue,
    0.5,
    _MOST,
)


def _is_on_cpu(facts: CaseFacts) -> bool:
    return not facts.is_on_gpu


def _uses_threads(facts: CaseFacts) -> bool:
    """Return whether the set-up has several threads that are meant to work for what is timed."""
    timed = [METRICS[s.metric].threaded for s in facts.result.summaries if s.metric in METRICS]
    return _is_on_cpu(facts) and facts.setup.threads > 1 and any(timed)


CLASS_RULES: tuple[ClassRule, ...] = (
    ClassRule(
        "memory_bound",
        "memory-bound",
        STEPS,
        (MEMORY_SHARE, _MORE_MEMORY),
        "the step takes as long as its weights and cache take to be read: fewer bytes make it faster",
    ),
    ClassRule(
        "compute_bound",
        "compute-bound",
        STEPS,
        (COMPUTE_SHARE, _MORE_COMPUTE),
        "the step takes as long as its arithmetic: a format with a faster matmul makes it faster",
    ),
    ClassRule(
        "overhead_bound",
        "overhead-bound",
        STEPS,
        (_OVERHEAD,),
        "the step takes as long as the framework needs around its many small operations",
        _is_on_cpu,
    ),
    ClassRule(
        "launch_bound",
        "launch-bound",
        STEPS,
        (_LAUNCHES,),
        "the device waits for the host, which launches one small kernel after another",
        lambda facts: facts.is_on_gpu,
    ),
    ClassRule(
        "oversubscribed",
        "oversubscribed",
        (PROCESS,),
        (_TOO_MANY, _WAITED),
        "more threads compute than CPUs may be used, and take turns",
    ),
    ClassRule(
        "idle_threads",
        "idle threads",
        (PROCESS,),
        (_IDLE, _COMPUTES),
        "the work does not occupy all threads of the set-up",
        _uses_threads,
    ),
    ClassRule(
        "waiting",
        "waiting",
        (PROCESS,),
        (_SLEEPS, _NOT_THROTTLED, _NO_DISK),
        "most of the time no thread ran: it slept, or waited for something that is not on this machine's CPUs",
        _is_on_cpu,
    ),
    ClassRule(
        "throttled",
        "throttled",
        (PROCESS,),
        (_THROTTLED,),
        "a CPU quota of the control group stops the threads",
    ),
    ClassRule(
        "throttled",
        "throttled",
        (PROCESS,),
        (_HEAT,),
        "heat slows the CPUs down",
        lambda facts: facts.process.counts_heat,
    ),
    ClassRule(
        "noisy_neighbour",
        "noisy neighbour",
        (PROCESS,),
        (_WAITED, _NOT_TOO_MANY, _OTHERS),
        "other processes of this machine took CPUs that its threads wanted",
    ),
    ClassRule(
        "noisy_neighbour",
        "noisy neighbour",
        (PROCESS,),
        (_STOLEN,),
        "other virtual machines of the host took CPUs that its threads wanted",
    ),
    ClassRule(
        "allocation_churn",
        "allocation churn",
        (PROCESS,),
        (_KERNEL, _BY_FAULTS),
        "memory is given back to the kernel and asked for again, page by page",
    ),
    ClassRule(
        "disk_bound_load",
        "load bound by the disk",
        (LOAD,),
        (_FROM_DISK,),
        "most of the load waits for the disk: files in the page cache, or fewer bytes, make it faster",
        lambda facts: facts.is_cold_load,
    ),
    ClassRule(
        "queue_bound",
        "queue-bound",
        (REQUESTS,),
        (_QUEUED,),
        "requests wait for their turn longer than they are worked on",
    ),
)
"""In the order in which they are shown."""
