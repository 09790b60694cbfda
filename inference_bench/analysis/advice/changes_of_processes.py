"""What makes a process faster that the operating system, its threads or a queue hold up."""

from __future__ import annotations

import math
from collections.abc import Iterator

from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.change import Change, Prediction
from inference_bench.analysis.advice.intervals import as_number, as_percent, between, exactly, hull, over
from inference_bench.analysis.advice.possible import Possible
from inference_bench.analysis.advice.prediction import time_after

_KEPT_MEMORY = "env:MALLOC_TRIM_THRESHOLD_=4294967296,env:MALLOC_MMAP_THRESHOLD_=33554432"
"""Variables of glibc that keep freed memory in the process: never trim the heap, and take blocks up to 32 MiB, the
most that is allowed, from it (mallopt(3))."""
_STOPPED = between(0.0, 0.5)
"""Share of the kernel's time that remains: at least half of it is by faults, where the rule holds."""
_SCHEDULED = ("poisson", "constant", "gamma")
"""Scenarios of a load that have a rate."""


def as_many_threads_as_cpus(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """As many threads as CPUs: at best the time that threads waited for a CPU goes, at worst nothing changes."""
    count, cpus = facts.setup.threads, max(1, int(facts.usable_cpus or 0))

    def predict() -> Prediction:
        waited = facts.process.waited_for_cpu()
        how = f"its threads waited {as_percent(waited)} of their time for a CPU; at worst nothing of it was lost"
        return Prediction(hull([1 - waited.high, 1.0]), how)

    problem = f"the set-up has {count} already: the model starts threads of its own" if count <= cpus else ""
    yield Change(f"threads={count}", f"threads={cpus}", predict, problem)


def fewer_threads_than_quota(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """No more threads than the quota has CPUs: the same CPU time, without the pauses; at best without spinning."""
    count, quota = facts.setup.threads, facts.usable_cpus or math.inf
    fewer = max(1, int(min(quota, count)))

    def predict() -> Prediction:
        how = f"{quota:.3g} CPUs are allowed to {count} threads; the CPU time stays"
        return Prediction(hull([quota / count, 1.0]), how)

    problem = f"the set-up has {count} already, and the quota is not ours to change" if count <= fewer else ""
    yield Change(f"threads={count}", f"threads={fewer}", predict, problem, is_counterfactual=True)


def without_idle_threads(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Fewer threads: the CPU time that was used, u t of t threads, on t' of them (Amdahl 1967).

    Of the time T a part S runs on one thread and the rest on all: S + P = u t T and S + P / t = T. With t' threads it
    is S + P / t'.
    """
    count, used = facts.setup.threads, facts.process.cpus_wanted()
    fewer = max(1, min(count - 1, round(used.value)))

    def predict() -> Prediction:
        ends = [_amdahl(each, count, fewer) for each in (used.low, used.high)]
        how = f"{as_number(used)} CPUs were wanted by {count} threads; the idle ones bring nothing"
        return Prediction(hull(ends), how)

    yield Change(f"threads={count}", f"threads={fewer}", predict, is_counterfactual=True)


def _amdahl(used: float, threads: int, fewer: int) -> float:
    """Return the time with fewer threads over the present one, given how many CPUs are kept busy."""
    parallel = max(0.0, used - 1) * threads / (threads - 1)
    return max(1.0, 1 - parallel / threads + parallel / fewer)


def kept_memory(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """An allocator that keeps freed memory: at least half of the kernel's share goes."""

    def predict() -> Prediction:
        share = facts.process.kernel_share()
        how = f"the kernel took {as_percent(share)} of the CPU time, by page faults; above 32 MiB a block stays"
        return Prediction(time_after(share, _STOPPED, rest=exactly(1.0)), how)

    yield Change("", _KEPT_MEMORY, predict)


def files_in_memory(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Files in the page cache: the run measured both."""

    def predict() -> Prediction:
        return Prediction(over(facts.warm_load_ns(), facts.phase.time_ns), "the run measured both loads")

    yield Change("page_cache=cold", "page_cache=warm", predict)


def half_of_the_rate(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Half of the rate: at least half of the waiting goes, since waiting grows faster than the load (Kingman 1961)."""
    rate = _rate(facts)
    scenario = str(facts.result.case.parameters.get("scenario", "")).partition(":")[0]
    if scenario not in _SCHEDULED or rate is None:
        return

    def predict() -> Prediction:
        waiting = facts.waiting_in_queue()
        how = f"{as_percent(waiting)} of the time to the first token is waiting, of which at least half goes"
        return Prediction(time_after(waiting, between(0.0, 0.5), rest=exactly(1.0)), how)

    yield Change(f"rate={rate:.3g}", f"rate={rate / 2:.3g}", predict, is_counterfactual=True)


def larger_batches(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Larger batches of requests that wait: at best all of the waiting goes."""
    largest = facts.result.case.parameters.get("max_batch_size")
    if not isinstance(largest, int):
        return

    def predict() -> Prediction:
        waiting = facts.waiting_in_queue()
        how = f"{as_percent(waiting)} of the time to the first token is waiting; at best all of it goes"
        return Prediction(hull([1 - waiting.high, 1.0]), how)

    yield Change(f"max_batch_size={largest}", f"max_batch_size={2 * largest}", predict)


def _rate(facts: CaseFacts) -> float | None:
    """Return the requests per second that were offered."""
    found = [s.headline.value for s in facts.result.summaries if s.metric == "offered_rate"]
    return next((value for value in found if value), None)
