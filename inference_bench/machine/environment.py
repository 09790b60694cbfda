"""The machine and the software as plain data: read from /proc, /sys and package metadata, nothing heavy imported.

What cannot be read is absent, never zero. Every reader is given the root of the file system, so that a test can hand
it a made-up machine.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import platform
import re
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.machine.cgroup import cpu_quota, memory_limit_bytes
from inference_bench.units import GIB, KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ROOT = Path("/")

_PACKAGES = (
    "inference-bench",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "gguf",
    "huggingface_hub",
    "triton",
    "numpy",
    "scipy",
    "pyarrow",
    "orjson",
    "nvidia-ml-py",
)

_VARIABLES = re.compile(
    r"(OMP|KMP|GOMP|MKL|OPENBLAS|BLIS|ONEDNN|DNNL|ATEN|PYTORCH|TORCH|HF|TRANSFORMERS|TOKENIZERS|CUDA|CUBLAS|NCCL)_\w+"
    r"|(MALLOC|JEMALLOC|TCMALLOC)_\w+|PYTHON\w+|LD_PRELOAD|LD_BIND_NOW|GLIBC_TUNABLES|NVIDIA_VISIBLE_DEVICES"
)
_SECRET = re.compile(r"TOKEN(?!IZERS)|SECRET|PASSWORD|API_KEY")
"""Variables whose values stay out of files that people share."""

_FLAGS = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "constant_tsc",
    "nonstop_tsc",
    "rdtscp",
    "asimd",
    "asimddp",
    "sve",
    "sve2",
    "bf16",
    "i8mm",
)

_DISTURBANCES: tuple[tuple[str, str, Callable[[Any], bool], str], ...] = (
    (
        "cpu",
        "governor",
        lambda governor: governor != "performance",
        "The frequency governor is {!r}, not 'performance': clock speed follows the load.",
    ),
    ("cpu", "turbo", bool, "Turbo is on: clock speed varies with heat and with the load on other cores."),
    (
        "load",
        "cpu_waiting_percent_10s",
        lambda percent: percent > 5,
        "Tasks waited for a CPU during {} % of the last 10 s.",
    ),
    (
        "load",
        "memory_waiting_percent_10s",
        lambda percent: percent > 1,
        "Tasks waited for memory during {} % of the last 10 s.",
    ),
    ("memory", "swap_used_bytes", bool, "Swap is in use: a page fault may wait for the disk."),
    ("system", "hypervisor", bool, "This is a virtual machine ({}): its neighbours can slow it down unseen."),
    (
        "system",
        "clocksource",
        lambda source: source in ("hpet", "acpi_pm", "jiffies", "refined-jiffies"),
        "The kernel's clock source is {!r}, slow to read: the kernel does not trust the TSC.",
    ),
    ("power", "on_battery", bool, "The machine runs on battery: its clock speed may be held down."),
    ("python", "debug_build", bool, "This Python is a debug build: everything in it is slow."),
)
"""Section, name, what is wrong with a value, and what that does to a measurement. An absent value is not wrong."""


def describe_environment(root: Path = _ROOT) -> dict[str, Any]:
    """Describe the machine and the software as plain data; never raises.

    Args:
        root: where ``/proc`` and ``/sys`` are looked for.
    """
    found: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for name, describe in _SECTIONS.items():
        try:
            found[name] = _present(describe(root))
        except Exception as error:  # a file in a form that nobody foresaw must not cost a run
            unreadable[name] = repr(error)
    found["fingerprint"] = _fingerprint(found)
    found["unreadable"] = unreadable
    return {name: section for name, section in found.items() if section}


def warnings_of(environment: Mapping[str, Any], threads: int | None = None) -> list[str]:
    """Say what makes timings on this machine less trustworthy, one sentence each.

    Args:
        environment: as ``describe_environment`` returned it.
        threads: threads that the measured model will use, where known.
    """
    single = [
        sentence.format(environment[section][name])
        for section, name, disturbs, sentence in _DISTURBANCES
        if name in environment.get(section, {}) and disturbs(environment[section][name])
    ]
    return [*single, *_crowding(environment, threads)]


def differences(former: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Say what makes results of two environments incomparable, one phrase each: hardware, Python, packages, kernel."""
    found = []
    if former.get("fingerprint") != present.get("fingerprint"):
        names = [environment.get("cpu", {}).get("model", "unknown") for environment in (former, present)]
        found.append("machine: {} before, {} now".format(*names))
    for section, name in (("python", "version"), ("system", "kernel"), ("cpu", "governor"), ("cpu", "affinity")):
        before, now = (environment.get(section, {}).get(name) for environment in (former, present))
        if before != now:
            found.append(f"{section} {name}: {before} before, {now} now")
    before, now = (environment.get("packages", {}) for environment in (former, present))
    found += [
        f"{name}: {before.get(name)} before, {now.get(name)} now"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return found


def _crowding(environment: Mapping[str, Any], threads: int | None) -> Iterator[str]:
    """Yield what follows from the number of CPUs together with what wants to run on them."""
    cpu = environment.get("cpu", {})
    usable = cpu.get("usable")
    if usable is None:
        return
    load = environment.get("load", {}).get("average_1min", 0.0)
    if load > usable / 2:
        yield f"The load average is {load} on {usable} usable CPUs: other work is running."
    quota = environment.get("cgroup", {}).get("cpu_quota")
    if quota is not None and quota < len(cpu.get("affinity", ())):
        yield f"A quota allows {quota:g} CPUs' worth of time: threads beyond it are stopped for a part of each period."
    if threads is not None and threads > usable:
        yield f"{threads} threads share {usable} usable CPUs: they wait for each other."


def available_cpus(root: Path = _ROOT) -> int:
    """Count the CPUs this process may use: its affinity, cut down to the cgroup's quota; at least 1."""
    allowed = len(_affinity())
    quota = cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def _system(root: Path) -> dict[str, Any]:
    uname = platform.uname()
    return {
        "system": uname.system,
        "kernel": uname.release,
        "architecture": uname.machine,
        "distribution": _distribution(root),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "hypervisor": _hypervisor(root),
        "container": _container(root),
        "clocksource": _text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "address_randomization": _integer(root / "proc/sys/kernel/randomize_va_space"),
        "uptime_s": _first_number(root / "proc/uptime"),
    }


def _cpu(root: Path) -> dict[str, Any]:
    info = _cpuinfo(root)
    flags = set((info.get("flags") or info.get("Features") or "").split())
    cpus = root / "sys/devices/system/cpu"
    frequency = cpus / "cpu0/cpufreq"
    affinity = _affinity()
    return {
        "model": info.get("model name") or info.get("Processor") or platform.processor() or None,
        "vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "microcode": info.get("microcode"),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "logical": os.cpu_count(),
        **_topology(cpus),
        "affinity": affinity,
        "usable": available_cpus(root),
        "isolated": _text(cpus / "isolated") or None,
        "smt": _switch(cpus / "smt/active", on="1"),
        "caches": _caches(cpus / "cpu0/cache"),
        "governor": _text(frequency / "scaling_governor"),
        "frequency_driver": _text(frequency / "scaling_driver"),
        "energy_preference": _text(frequency / "energy_performance_preference"),
        "minimum_khz": _integer(frequency / "cpuinfo_min_freq"),
        "maximum_khz": _integer(frequency / "cpuinfo_max_freq"),
        "turbo": _turbo(cpus),
    }


def _cgroup(root: Path) -> dict[str, Any]:
    return {
        "cpu_quota": cpu_quota(root),
        "memory_limit_bytes": memory_limit_bytes(root),
    }


def _memory(root: Path) -> dict[str, Any]:
    bytes_of = {
        name: int(value.split()[0]) * KIB
        for name, value in _fields(_text(root / "proc/meminfo") or "").items()
        if value
    }
    swap_bytes = bytes_of.get("SwapTotal")
    return {
        "total_bytes": bytes_of.get("MemTotal"),
        "available_bytes": bytes_of.get("MemAvailable"),
        "swap_total_bytes": swap_bytes,
        "swap_used_bytes": swap_bytes - bytes_of["SwapFree"] if swap_bytes and "SwapFree" in bytes_of else None,
        "page_bytes": mmap.PAGESIZE,
        "transparent_huge_pages": _chosen(root / "sys/kernel/mm/transparent_hugepage/enabled"),
        "numa_nodes": len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or None,
    }


def _load(root: Path) -> dict[str, Any]:
    return {
        "average_1min": _first_number(root / "proc/loadavg"),
        "cpu_waiting_percent_10s": _pressure(root / "proc/pressure/cpu"),
        "memory_waiting_percent_10s": _pressure(root / "proc/pressure/memory"),
        "io_waiting_percent_10s": _pressure(root / "proc/pressure/io"),
        "stolen_percent_since_boot": _stolen_percent(root / "proc/stat"),
    }


def _power(root: Path) -> dict[str, Any]:
    mains = [_text(path / "online") for path in (root / "sys/class/power_supply").glob("A[CD]*")]
    return {"on_battery": "1" not in mains if mains else None}


def _python(_: Path) -> dict[str, Any]:
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    gil = getattr(sys, "_is_gil_enabled", None)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "optimization_flags": str(sysconfig.get_config_var("OPT") or "") or None,
        "profile_guided": "--enable-optimizations" in configured if configured else None,
        "link_time_optimized": "--with-lto" in configured if configured else None,
        "debug_build": bool(sysconfig.get_config_var("Py_DEBUG")),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": gil() if gil else True,
        "hash_randomization": bool(sys.flags.hash_randomization),
    }


def _packages(_: Path) -> dict[str, Any]:
    return {name: _version(name) for name in _PACKAGES}


def _variables(_: Path) -> dict[str, Any]:
    return {
        name: "(set)" if _SECRET.search(name) else value
        for name, value in sorted(os.environ.items())
        if _VARIABLES.fullmatch(name)
    }


def _gpus(_: Path) -> list[dict[str, Any]]:
    from inference_bench.machine.devices.cuda import describe_gpus

    return describe_gpus()


_SECTIONS: dict[str, Callable[[Path], Any]] = {
    "system": _system,
    "cpu": _cpu,
    "cgroup": _cgroup,
    "memory": _memory,
    "load": _load,
    "power": _power,
    "python": _python,
    "packages": _packages,
    "variables": _variables,
    "gpus": _gpus,
}


def _fingerprint(environment: Mapping[str, Any]) -> str:
    """Digest the hardware facts that survive a reboot and an update; two equal machines share it."""
    system, cpu, memory = (environment.get(name, {}) for name in ("system", "cpu", "memory"))
    facts = [
        [system.get(name) for name in ("system", "architecture", "hypervisor")],
        [cpu.get(name) for name in ("vendor", "model", "flags", "logical", "cores", "sockets", "caches")],
        # What the kernel keeps for itself changes with its version, by much less than a GiB.
        round(memory.get("total_bytes", 0) / GIB),
        [gpu.get("name") for gpu in environment.get("gpus", ())],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _present(value: Any) -> Any:
    """Drop what is None or empty, so that absent is absent."""
    if isinstance(value, dict):
        return {name: _present(item) for name, item in value.items() if item is not None and item not in ({}, [], "")}
    return value


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _integer(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def _first_number(path: Path) -> float | None:
    words = (_text(path) or "").split()
    return float(words[0]) if words else None


def _switch(path: Path, on: str) -> bool | None:
    text = _text(path)
    return None if text is None else text == on


def _chosen(path: Path) -> str | None:
    """Return the bracketed word of ``always [madvise] never``."""
    found = re.search(r"\[(\w+)\]", _text(path) or "")
    return found.group(1) if found else None


def _fields(text: str) -> dict[str, str]:
    """Return the ``name : value`` lines of a /proc file; of repeated names, the first."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _cpuinfo(root: Path) -> dict[str, str]:
    return _fields((_text(root / "proc/cpuinfo") or "").split("\n\n")[0])


def _affinity() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _topology(cpus: Path) -> dict[str, int | None]:
    cores = {
        (_text(topology / "physical_package_id"), _text(topology / "core_id"))
        for topology in cpus.glob("cpu[0-9]*/topology")
    }
    return {"cores": len(cores) or None, "sockets": len({package for package, _ in cores}) or None}


def _caches(folder: Path) -> dict[str, int]:
    """Return the bytes of each cache that the first CPU sees: ``L1d``, ``L1i``, ``L2``, ``L3``."""
    sizes: dict[str, int] = {}
    for index in sorted(folder.glob("index[0-9]*")):
        level, kind, size = (_text(index / name) or "" for name in ("level", "type", "size"))
        found = re.fullmatch(r"(\d+)([KM])", size)
        if found:
            suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
            sizes[f"L{level}{suffix}"] = int(found.group(1)) * (KIB if found.group(2) == "K" else MIB)
    return sizes


def _turbo(cpus: Path) -> bool | None:
    stopped = _switch(cpus / "intel_pstate/no_turbo", on="1")
    return _switch(cpus / "cpufreq/boost", on="1") if stopped is None else not stopped


def _distribution(root: Path) -> str | None:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text(root / "etc/os-release") or "", re.MULTILINE)
    return found.group(1) if found else None


def _hypervisor(root: Path) -> str | None:
    """Name the hypervisor as well as it lets itself be known; None on bare metal."""
    dmi = root / "sys/class/dmi/id"
    named = " ".join(filter(None, (_text(dmi / "sys_vendor"), _text(dmi / "product_name"))))
    kind = _text(root / "sys/hypervisor/type")
    if "hypervisor" in _cpuinfo(root).get("flags", "").split() or kind:
        clocks = _text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
        return kind or named or ("KVM" if "kvm-clock" in clocks else "unnamed")
    known = re.search(r"KVM|QEMU|VMware|VirtualBox|Xen|Hyper-V|Virtual Machine|Amazon EC2(?!.*metal)", named)
    return named if known else None


def _container(root: Path) -> str | None:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    found = re.search(r"docker|kubepods|lxc|containerd", _text(root / "proc/1/cgroup") or "")
    return found.group() if found else None


def _pressure(path: Path) -> float | None:
    found = re.search(r"^some avg10=([\d.]+)", _text(path) or "")
    return float(found.group(1)) if found else None


def _stolen_percent(path: Path) -> float | None:
    """Return the share of CPU time that the hypervisor gave to others since boot."""
    words = (_text(path) or "").split("\n")[0].split()
    if len(words) < 9:
        return None
    ticks = [int(word) for word in words[1:9]]
    return round(100 * ticks[7] / sum(ticks), 3) if sum(ticks) else None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
