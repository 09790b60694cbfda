"""Whether and how the next worker may load while the present one is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inference_bench.errors import UnknownNameError
from inference_bench.machine.device import free_bytes
from inference_bench.model.model import Model
from inference_bench.model.weights.size import loaded_bytes
from inference_bench.spec import OVERLAPS, Setup
from inference_bench.units import format_bytes

_FRAMEWORK_BYTES = 700 << 20
"""Host memory of torch and transformers before any weights: measured 400 to 600 MiB, depending on the version."""

_CONTEXT_BYTES = 700 << 20
"""GPU memory of a process before any weights: context, kernels, workspaces of libraries."""

_WORKING_SHARE = 1.25
"""Factor on the weights for what loading and the first call need."""

_DEVICE_THREADS = 2
"""Host threads that a model on a GPU keeps busy: one that feeds the device and one of the driver."""


class Policy(StrEnum):
    """How a loader is kept from disturbing a timed window."""

    FREEZE = "freeze"
    PARTITION = "partition"
    OFF = "off"


class Until(StrEnum):
    """How far a model loads ahead of its turn."""

    NOTHING = "nothing"
    HOST = "host"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Needs:
    """Rough upper estimates of the memory that a worker holds once its model is loaded."""

    host_bytes: int = 0
    device_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Overlap:
    """The policy of one run.

    Attributes:
        policy: freeze, partition or off.
        reason: why this policy.
        measure_cpus: the CPUs of the measured worker, or None for all.
        load_cpus: the CPUs of the loaders, or None for all.
    """

    policy: Policy
    reason: str
    measure_cpus: frozenset[int] | None = None
    load_cpus: frozenset[int] | None = None


def choose_overlap(requested: str, setups: Sequence[Setup], cpus: Sequence[int]) -> Overlap:
    """Return the policy to follow.

    ``partition`` gives the last CPU to the loader. ``auto`` chooses it where the measured threads leave a CPU free,
    else ``freeze``, which hides less but shares no CPU.

    Args:
        requested: one of ``OVERLAPS``.
        setups: how the models will be loaded; their threads decide about ``auto``.
        cpus: the CPUs this process may use.

    Raises:
        UnknownNameError: no such policy.
    """
    if requested not in OVERLAPS:
        raise UnknownNameError("overlap", requested, OVERLAPS)
    ordered = sorted(cpus)
    threads = max(_busy_threads(setup) for setup in setups)
    spare = len(ordered) - threads
    halves = {"measure_cpus": frozenset(ordered[:-1]), "load_cpus": frozenset(ordered[-1:])}
    if requested == "partition":
        if len(ordered) < 2:
            return Overlap(Policy.OFF, "partition was asked for, but there is only one CPU")
        crowded = "" if spare >= 1 else f"; {threads} threads share the other {len(ordered) - 1}"
        return Overlap(Policy.PARTITION, f"asked for: CPU {ordered[-1]} loads{crowded}", **halves)
    if requested == "auto" and spare >= 1:
        return Overlap(Policy.PARTITION, f"{threads} threads leave CPU {ordered[-1]} free", **halves)
    if requested == "auto":
        return Overlap(Policy.FREEZE, f"{threads} threads need all {len(ordered)} CPUs")
    return Overlap(Policy(requested), "asked for")


def _busy_threads(setup: Setup) -> int:
    return setup.threads if setup.device == "cpu" else min(setup.threads, _DEVICE_THREADS)


def needs_of(model: type[Model], setup: Setup, scale: str) -> Needs:
    """Estimate the memory of a worker once this model is loaded; the weights of a reduced model are negligible."""
    weights = round(loaded_bytes(model, setup) * _WORKING_SHARE) if scale == "full" else 0
    return Needs(_FRAMEWORK_BYTES + weights, 0 if setup.device == "cpu" else _CONTEXT_BYTES + weights)


def how_far_ahead(
    model: type[Model], setup: Setup, scale: str, park: str, promised: Callable[[str], Needs]
) -> tuple[Until, str]:
    """Return how far this model may load ahead of its turn, and why no further; an empty reason needs no report.

    Args:
        model: its class.
        setup: how it will be loaded.
        scale: of its weights.
        park: one of ``PARKS``; a model on the CPU has no copy to the device to wait for.
        promised: returns what other loaders will still take of the host and of the device with this name.
    """
    if not model.runs_here:
        return Until.NOTHING, ""  # its questions to the server would disturb what is measured there
    needs, promised_bytes = needs_of(model, setup, scale), promised(setup.device)
    short = _shortage(needs.host_bytes, promised_bytes.host_bytes, "cpu")
    if short:
        return Until.NOTHING, f"{model.name} is not loaded ahead: {short}"
    if setup.device == "cpu":
        return Until.DEVICE, ""
    short = _shortage(needs.device_bytes, promised_bytes.device_bytes, setup.device) if park == "device" else ""
    if park == "device" and not short:
        return Until.DEVICE, ""
    if not model.parks:
        reason = short or "the device is being measured"
        return Until.NOTHING, f"{model.name} is not loaded ahead: {reason}, and it cannot wait on the host"
    return Until.HOST, f"{model.name} waits on the host: {short}" if short else ""


def _shortage(needs: int, promised: int, device: str) -> str:
    """Return what a device lacks, given what other loaders will still take; empty if the model fits."""
    free = free_bytes(device)
    if free is None or needs + promised <= free:
        return ""
    others = f", {format_bytes(promised)} of them promised" if promised else ""
    place = "" if device == "cpu" else f" on {device}"
    return f"it may need {format_bytes(needs)}{place}, {format_bytes(free)} are free{others}"
