"""What the console warns of before a run: the rules on the machine, and what may disturb the run to come."""

from __future__ import annotations

from collections.abc import Iterator

from inference_bench.analysis.trust.machine import MACHINE_RULES, Environment
from inference_bench.analysis.trust.rule import apply_rules, number, section
from inference_bench.units import counted

_SLOW_CLOCKSOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies")

_WAITING = {
    "cpu_waiting_percent_10s": ("a CPU", 5),  # an idle machine shows 0 to 2 %; starting this process adds some
    "memory_waiting_percent_10s": ("memory", 1),  # a machine with enough memory shows 0
}
"""Fact → what tasks waited for, and the per cent above which it is worth a warning."""


def environment_warnings(environment: Environment, threads: int | None = None) -> list[str]:
    """Return what makes timings on this machine less trustworthy, one sentence each.

    Args:
        environment: as ``machine.environment.describe_environment`` returned it.
        threads: threads that the measured model will use; None if unknown.
    """
    findings = apply_rules(MACHINE_RULES, environment)
    known = [f"{found.evidence[0].upper()}{found.evidence[1:]}: {found.consequence}." for found in findings]
    return [*known, *_possible(environment, threads)]


def _possible(environment: Environment, threads: int | None) -> Iterator[str]:
    """Yield what may disturb a run. No case is graded by these: what they cause is judged from what was recorded.

    See the rules ``clock_fallback``, ``contention``, ``memory_pressure``, ``idle_threads`` and ``preempted``. What kept
    the machine busy before the run may have been this program's own preparation.
    """
    for what, (resource, limit) in _WAITING.items():
        share = number(section(environment, "load"), what)
        if share is not None and share > limit:
            yield f"Tasks waited for {resource} during {share} % of the 10 s before the run."
    source = section(environment, "system").get("clocksource")
    if source in _SLOW_CLOCKSOURCES:
        yield f"The kernel's clock source is {source!r}, slow to read: the kernel does not trust the TSC."
    cpu = section(environment, "cpu")
    usable = number(cpu, "usable")
    if usable is None:
        return
    load = number(section(environment, "load"), "average_1min") or 0.0
    if load > usable / 2:
        yield f"The load average is {load} on {usable} usable CPUs: other work is running."
    quota, affinity = number(section(environment, "cgroup"), "cpu_quota"), cpu.get("affinity")
    if quota is not None and quota < (len(affinity) if isinstance(affinity, list) else 0):
        yield f"A quota allows {quota:g} CPUs' worth of time: the kernel stops threads that use more in each period."
    niceness = number(cpu, "niceness") or 0
    if niceness > 0:
        yield f"This process runs at niceness {niceness:g}: all other work comes first."
    if threads is not None and threads > usable:
        yield f"{counted(threads, 'thread')} share {usable} usable CPUs: they wait for each other."
