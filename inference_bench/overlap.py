"""Whether, and how, the next worker may load while the present one is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inference_bench.cgroup import memory_limit_bytes
from inference_bench.errors import UnknownNameError
from inference_bench.model import Model
from inference_bench.spec import OVERLAPS, Setup
from inference_bench.units import format_bytes

_ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8_dynamic": 4}
_FRAMEWORK_BYTES = 700 << 20
"""What torch and transformers take before any weights: measured as 400 to 600 MiB, by version."""

_WORKING_SHARE = 1.25
"""Room beside the weights for what loading and the first call need."""


class Policy(StrEnum):
    """How a loader is kept from disturbing what is timed."""

    FREEZE = "freeze"
    PARTITION = "partition"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Overlap:
    """The policy of one run.

    Attributes:
        policy: freeze, partition or off.
        reason: why this one.
        measure_cpus: the CPUs of whoever is measured, or None for all.
        load_cpus: the CPUs of whoever loads, or None for all.
    """

    policy: Policy
    reason: str
    measure_cpus: frozenset[int] | None = None
    load_cpus: frozenset[int] | None = None


def choose_overlap(requested: str, setups: Sequence[Setup], cpus: Sequence[int]) -> Overlap:
    """Return the policy to follow.

    ``partition`` gives the last CPU to the loader. ``auto`` takes it where that CPU is one that no measured thread
    wants; else ``freeze``, which hides less but shares nothing.

    Args:
        requested: one of ``OVERLAPS``.
        setups: how the models will be loaded; their threads decide.
        cpus: the CPUs this process may use.

    Raises:
        UnknownNameError: no such policy.
    """
    if requested not in OVERLAPS:
        raise UnknownNameError("overlap", requested, OVERLAPS)
    ordered = sorted(cpus)
    threads = max(setup.threads for setup in setups)
    spare = len(ordered) - threads
    halves = {"measure_cpus": frozenset(ordered[:-1]), "load_cpus": frozenset(ordered[-1:])}
    if requested == "partition":
        if len(ordered) < 2:
            return Overlap(Policy.OFF, "partition was asked for, but there is one CPU only")
        crowded = "" if spare >= 1 else f"; {threads} threads share the other {len(ordered) - 1}"
        return Overlap(Policy.PARTITION, f"asked for: CPU {ordered[-1]} loads{crowded}", **halves)
    if requested == "auto" and spare >= 1:
        return Overlap(Policy.PARTITION, f"CPU {ordered[-1]} is one that {threads} threads leave free", **halves)
    if requested == "auto":
        return Overlap(Policy.FREEZE, f"{threads} threads want all {len(ordered)} CPUs")
    return Overlap(Policy(requested), "asked for")


def needed_bytes(model: type[Model], setup: Setup, scale: str) -> int:
    """Return a rough upper estimate of what a worker holds once this model is loaded."""
    parameters = model.parameters if scale == "full" else 0
    return _FRAMEWORK_BYTES + round(parameters * _ELEMENT_BYTES[setup.dtype] * _WORKING_SHARE)


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return what the kernel, and this process's control group, would still give; None where neither says."""
    found = []
    try:
        fields = dict(line.split(":", 1) for line in (root / "proc/meminfo").read_text().splitlines())
        found.append(int(fields["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    limit = memory_limit_bytes(root)
    if limit is not None:
        found.append(limit)
    return min(found, default=None)


def refusal_to_load_ahead(model: type[Model], setup: Setup, scale: str) -> str:
    """Return why this model must wait for its turn; empty if it may load ahead."""
    if setup.device.startswith("cuda"):
        return f"{model.name} is not loaded ahead: the device is being measured"
    needs, has = needed_bytes(model, setup, scale), available_bytes()
    if has is not None and needs > has:
        return f"{model.name} is not loaded ahead: it may need {format_bytes(needs)}, {format_bytes(has)} are free"
    return ""
