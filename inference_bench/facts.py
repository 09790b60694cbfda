"""What is recorded of a machine and its software: ``machine`` finds the facts, ``results`` reads them back."""

from __future__ import annotations

from typing import TypedDict


class SystemFacts(TypedDict, total=False):
    """What is known of the operating system."""

    system: str
    kernel: str
    architecture: str
    distribution: str | None
    libc: str | None
    hypervisor: str | None
    container: str | None
    clocksource: str | None
    address_randomization: int | None
    uptime_s: float | None


class CpuFacts(TypedDict, total=False):
    """What is known of the CPUs; speeds, governor and caches are those of CPU 0.

    ``logical`` counts all CPUs, ``cores`` and ``sockets`` the physical ones; ``affinity`` lists those this process may
    use and ``usable`` counts them, cut down to the cgroup's quota; ``niceness`` is that of this
    process; ``caches`` maps a name such as ``L1d`` to bytes.
    """

    model: str | None
    vendor: str | None
    microcode: str | None
    flags: list[str]
    logical: int | None
    cores: int | None
    sockets: int | None
    affinity: list[int]
    usable: int
    niceness: int
    isolated: str | None
    smt: bool | None
    caches: dict[str, int]
    governor: str | None
    frequency_driver: str | None
    energy_preference: str | None
    minimum_khz: int | None
    maximum_khz: int | None
    turbo: bool | None


class CgroupFacts(TypedDict, total=False):
    """What the control groups of this process allow: CPUs' worth of time, and bytes."""

    cpu_quota: float | None
    memory_limit_bytes: int | None


class MemoryFacts(TypedDict, total=False):
    """What is known of the memory."""

    total_bytes: int | None
    available_bytes: int | None
    swap_total_bytes: int | None
    swap_used_bytes: int | None
    page_bytes: int | None
    transparent_huge_pages: str | None
    numa_nodes: int | None


class LoadFacts(TypedDict, total=False):
    """What else ran: the load average, tasks that waited (PSI, last 10 s), and time stolen since boot."""

    average_1min: float | None
    cpu_waiting_percent_10s: float | None
    memory_waiting_percent_10s: float | None
    io_waiting_percent_10s: float | None
    stolen_percent_since_boot: float | None


class PowerFacts(TypedDict, total=False):
    """What is known of the power supply."""

    on_battery: bool | None


class PythonFacts(TypedDict, total=False):
    """What is known of the interpreter."""

    version: str
    implementation: str
    compiler: str
    optimization_flags: str | None
    profile_guided: bool | None
    link_time_optimized: bool | None
    debug_build: bool
    free_threaded: bool
    gil_enabled: bool
    hash_randomization: bool


class GpuFacts(TypedDict, total=False):
    """What is known of one GPU; ``index`` is CUDA's number, absent if CUDA does not see the GPU."""

    index: int
    name: str | None
    driver: str | None
    memory_total_bytes: int
    memory_free_bytes: int | None


class Environment(TypedDict, total=False):
    """The machine and the software. A section without any known fact is absent, and so is an unknown fact.

    ``fingerprint`` is equal for machines with equal hardware; ``unreadable`` maps a section to the error that reading
    it raised; ``warnings`` is what the console warns of before a run.
    """

    system: SystemFacts
    cpu: CpuFacts
    cgroup: CgroupFacts
    memory: MemoryFacts
    load: LoadFacts
    power: PowerFacts
    python: PythonFacts
    packages: dict[str, str]
    variables: dict[str, str]
    gpus: list[GpuFacts]
    fingerprint: str
    unreadable: dict[str, str]
    warnings: list[str]
