"""What several findings of one case may have in common, so that one cause counts once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from inference_bench.grade import Finding

_SPREAD = frozenset(
    {"idle_threads", "not_converged", "unwatched", "unsteady", "dependent_samples", "modes", "outliers", "missed_ticks"}
)
"""Findings that waiting for a CPU explains."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of several findings.

    Attributes:
        name: for people, and in files.
        signs: codes of findings that show it.
        effects: codes of findings that it explains, if a sign of it is there.
        consequence: what it does to the figures.
        remedy: what to do about it.
    """

    name: str
    signs: frozenset[str]
    effects: frozenset[str]
    consequence: str
    remedy: str


CAUSES = (
    Cause(
        "busy machine",
        frozenset({"contention", "preempted"}),
        _SPREAD,
        "samples contain time in which the measured process waited for a CPU: they scatter, and the tail is longer",
        "stop other work, use fewer --threads, or compare interleaved pairs (`ab`)",
    ),
    Cause(
        "busy host",
        frozenset({"steal"}),
        _SPREAD,
        "samples contain time in which the hypervisor ran other VMs: they scatter, and the tail is longer",
        "measure on a dedicated machine, or at another time",
    ),
    Cause(
        "short of memory",
        frozenset({"memory_pressure", "swap"}),
        frozenset({"major_faults"}),
        "a memory access may wait for the disk or for the kernel, and resident memory may be too low",
        "stop other work, or take a smaller model",
    ),
)
"""In order: a finding belongs to the first cause that explains it."""


def with_causes(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each finding with its cause, if others of these findings share it."""
    found = list(findings)
    codes = [finding.code for finding in found]
    shown = [cause for cause in CAUSES if cause.signs.intersection(codes)]
    names = [
        next((cause.name for cause in shown if code in cause.signs or code in cause.effects), "") for code in codes
    ]
    for finding, name in zip(found, names, strict=True):
        yield replace(finding, cause=name if names.count(name) > 1 else "")


def cause_named(name: str) -> Cause | None:
    """Return the cause of this name, or None for one that this version does not know."""
    return next((cause for cause in CAUSES if cause.name == name), None)
