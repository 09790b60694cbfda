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
from inference_bench.metrics import METRICS

RULES_VERSION = 1
"""Raised whenever a rule or threshold changes, so that stored advice can be told apart."""

_NEAR_CEILING = "real kernels reach 65 to 97 % of a measured ceiling when nothing else limits them"
_MOST = "more than half of the time is then explained by this alone"

MEMORY_SHARE = Condition(
    "MBU, the share of the step that reading its bytes takes at the measured bandwidth,",
    CaseFacts.memory_share,
    0.6,
    _NEAR_CEILING,
)
COMPUTE_SHARE = Condition(
    "MFU, the share of the step that its arithmetic takes at the measured matmul rate,",
    CaseFacts.compute_share,
    0.6,
    _NEAR_CEILING,
)
_MORE_MEMORY = Condition("MBU less MFU", CaseFacts.memory_over_compute, 0.0, "the larger of the two limits")
_MORE_COMPUTE = Condition("MBU less MFU", CaseFacts.memory_over_compute, 0.0, "the larger of the two limits", False)
_OVERHEAD = Condition(
    "the share of the step that its operations take even with nothing to do",
    CaseFacts.overhead_share,
    0.5,
    _MOST,
)
_LAUNCHES = Condition(
    "the share of the step that launching its operations takes the host", CaseFacts.launch_share, 0.5, _MOST
)
_WAITED = Condition(
    "the share of their time that its own runnable threads waited for a CPU",
    lambda facts: facts.process.waited_for_cpu(),
    0.1,
    "a thread alone on its CPU waits 1 to 3 % of the time for the kernel's own work",
)
_TOO_MANY = Condition(
    "the number of its busy threads over the CPUs that it may use",
    lambda facts: facts.process.threads_per_cpu(),
    1.0,
    "with more, some must wait",
    written=as_number,
)
_NOT_TOO_MANY = Condition(
    "the number of its busy threads over the CPUs that it may use",
    lambda facts: facts.process.threads_per_cpu(),
    1.01,
    "with more, it waits for itself",
    above=False,
    written=as_number,
)
_OTHERS = Condition(
    "the number of CPUs that other processes used",
    lambda facts: facts.process.others_cpus(),
    0.1,
    "the harness itself and an idle system use a few hundredths",
    written=as_number,
)
_STOLEN = Condition(
    "the share of the threads' time that the hypervisor took",
    lambda facts: facts.process.stolen(),
    0.01,
    "an interval of a median resolves about 1 %",
)
_THROTTLED = Condition(
    "the share of the quota's periods in which it was used up",
    lambda facts: facts.process.throttled(),
    0.05,
    "a pause in one period of twenty moves no median, but shows that the quota binds",
)
_NOT_THROTTLED = Condition(
    "the share of the quota's periods in which it was used up",
    lambda facts: facts.process.throttled(),
    0.05,
    "a pause that the quota makes is no waiting of the model's own",
    above=False,
)
_HEAT = Condition(
    "the slow-downs by heat per second",
    lambda facts: facts.process.slowed_by_heat(),
    0.0,
    "a cool machine has none",
    written=as_number,
)
_IDLE = Condition(
    "the share of threads x time in which a thread of the set-up had nothing to do",
    lambda facts: facts.process.idle_share(),
    0.2,
    "threads wait for each other at the end of each operation; that rarely takes a fifth of the time",
)
_COMPUTES = Condition(
    "the number of CPUs that it wanted", lambda facts: facts.process.cpus_wanted(), 0.5, _MOST, written=as_number
)
_SLEEPS = Condition(
    "the number of CPUs that it wanted",
    lambda facts: facts.process.cpus_wanted(),
    0.5,
    "a step that computes keeps at least one CPU busy; with less than half of one, no thread ran most of the time",
    above=False,
    written=as_number,
)
_NO_DISK = Condition(
    "the page faults per second that waited for the disk",
    lambda facts: facts.process.disk_faults(),
    10.0,
    "each costs up to 10 ms on a disk: ten of them are a tenth of the time",
    above=False,
    written=as_number,
)
_KERNEL = Condition(
    "the share of its CPU time that the kernel took",
    lambda facts: facts.process.kernel_share(),
    0.1,
    "steps that allocate nothing new spend 1 to 2 % in the kernel",
)
_BY_FAULTS = Condition(
    "the kernel's microseconds per page fault",
    lambda facts: facts.process.kernel_per_fault_us(),
    20.0,
    "a fault costs 0.25 to 4 µs, with its share of unmapping; above 20 µs something else keeps the kernel busy",
    above=False,
    written=as_number,
)
_FROM_DISK = Condition(
    "the share of the cold load that the same load from the page cache does not take",
    CaseFacts.disk_share,
    0.3,
    "below that, a faster disk gains less than the spread of loads",
)
_QUEUED = Condition(
    "the share of the median time to the first token beyond that of the quickest request",
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
