"""What a node of a sweep was found to be before it measured anything. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_bench.ceilings import Ceilings, MachineLoad


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """How the nodes of a sweep are calibrated.

    Attributes:
        devices: those whose ceilings are held against those of other nodes, by the names in ``Setup``.
        dtypes: number formats whose matrix products are, some of ``spec.DTYPES``.
        is_quick: ceilings that a node does not know are measured at one working set, for these dtypes only, and are
            not kept.
        leave_out_outliers: nodes outside the fleet's band measure nothing.
    """

    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    is_quick: bool = False
    leave_out_outliers: bool = False


@dataclass(frozen=True, slots=True)
class StoredFloor:
    """The A/A floor of one metric, from the newest state of a machine's store.

    Attributes:
        benchmark: that was measured.
        metric: tag.
        phase: as in ``Summary``.
        floor: the difference that 95 % of separate measurements of the same stay below, as a fraction.
    """

    benchmark: str
    metric: str
    phase: str
    floor: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured and read on a node before its first share.

    Attributes:
        fingerprint: of the machine, as in run records.
        measured_utc: ISO 8601.
        facts: of the machine and its software, such as ``cpu.governor`` → ``performance``; what is unknown is absent.
        clock: as in ``RunRecord``.
        floor: as in ``RunRecord``: of the null model.
        ceilings: of the devices of the plan; those that the node had stored, or measured for this.
        load: of the machine just before, while nothing of this package ran.
        aa_floors: those that the node has stored.
        aa_measured_utc: when the newest of them was measured; empty if there is none.
        problems: what could not be measured, and why.
    """

    fingerprint: str
    measured_utc: str
    facts: Mapping[str, str]
    clock: Mapping[str, Any] = field(default_factory=dict)
    floor: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ceilings: tuple[Ceilings, ...] = ()
    load: MachineLoad | None = None
    aa_floors: tuple[StoredFloor, ...] = ()
    aa_measured_utc: str = ""
    problems: tuple[str, ...] = ()
