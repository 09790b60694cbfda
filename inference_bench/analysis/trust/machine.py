"""Rules on the machine and on its clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inference_bench.analysis.trust.rule import MEMORY, TIME, Rule, number, section
from inference_bench.grade import Severity
from inference_bench.units import format_ns

Environment = Mapping[str, object]
"""What ``machine.environment.describe_environment`` returns."""


def _fact(part: str, name: str, disturbs: Callable[[object], bool], text: str) -> Callable[[Environment], str | None]:
    """Return a condition on one fact of the environment; a missing fact is no finding."""

    def evidence(environment: Environment) -> str | None:
        value = section(environment, part).get(name)
        return None if value is None or not disturbs(value) else text.format(value)

    return evidence


MACHINE_RULES: tuple[Rule[Environment], ...] = (
    Rule(
        "governor",
        Severity.SERIOUS,
        _fact("cpu", "governor", lambda governor: governor != "performance", "the frequency governor is {!r}"),
        "clock speed follows the load, so short work runs at another speed than long work",
        "sudo cpupower frequency-set -g performance",
        moves=TIME,
    ),
    Rule(
        "turbo",
        Severity.MINOR,
        _fact("cpu", "turbo", bool, "turbo is on"),
        "clock speed varies with heat and with the load on other cores",
        "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo, or 0 into cpufreq/boost",
        moves=TIME,
    ),
    Rule(
        "swap",
        Severity.SERIOUS,
        _fact("memory", "swap_used_bytes", bool, "{:,} bytes are swapped out"),
        "a page fault may wait for the disk, and resident memory is too low",
        "sudo swapoff -a",
        moves=TIME | MEMORY,
    ),
    Rule(
        "virtual",
        Severity.MINOR,
        _fact("system", "hypervisor", bool, "this is a virtual machine ({})"),
        "other VMs on the host may slow it down",
        "measure on a dedicated machine, or compare interleaved pairs (`ab`)",
        moves=TIME,
    ),
    Rule(
        "battery",
        Severity.SERIOUS,
        _fact("power", "on_battery", bool, "the machine runs on battery"),
        "its clock speed may be limited",
        "plug it in",
        moves=TIME,
    ),
    Rule(
        "debug_build",
        Severity.SERIOUS,
        _fact("python", "debug_build", bool, "this Python is a debug build"),
        "Python code in it is slow",
        "use a release build",
        moves=TIME | MEMORY,
    ),
)


def _fallback(clock: Mapping[str, object]) -> str | None:
    source = clock.get("source")
    if source in (None, "tsc", "cntvct_el0"):
        return None
    costs = f"one reading costs {_ns(clock, 'read_cost_ns')}, the resolution is {_ns(clock, 'resolution_ns')}"
    return f"the clock is {source} ({clock.get('reason', 'no reason given')}); {costs}"


def _ns(clock: Mapping[str, object], name: str) -> str:
    value = number(clock, name)
    return "unknown" if value is None else format_ns(value)


def _trouble(clock: Mapping[str, object]) -> str | None:
    found = [f"{clock[name]} {name}" for name in ("suspends", "backwards") if clock.get(name)]
    found += ["drift"] if clock.get("drift") else []
    return f"the clock saw {', '.join(found)} while measuring" if found else None


CLOCK_RULES: tuple[Rule[Mapping[str, object]], ...] = (
    Rule(
        "clock_fallback",
        Severity.MINOR,
        _fallback,
        "short intervals are less exact, and each contains the cost of a reading",
        "let the kernel use the TSC as its clocksource, if the processor's TSC is invariant",
        moves=TIME,
    ),
    Rule(
        "clock_trouble",
        Severity.SERIOUS,
        _trouble,
        "times that span it are wrong",
        "measure again; if it persists, do not rely on this machine's TSC",
        moves=TIME,
    ),
)
