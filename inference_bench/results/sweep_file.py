"""``sweep.json``: the nodes of a sweep, its shares, what became of each, and where its run is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from inference_bench.analysis.calibration_figures import OutsideBand
from inference_bench.calibration import Calibration, CalibrationPlan
from inference_bench.provenance.record import Provenance
from inference_bench.results.atomic_file import write_whole
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.schema_version import check_version
from inference_bench.results.serialization import plain, to_json
from inference_bench.results.storage import RUN, Folder, place_of

SWEEP = "sweep.json"
SCHEMA_VERSION = 2


class ShareStatus(Enum):
    """What became of a share."""

    PENDING = "pending"
    ENDED = "ended"
    REFUSED = "refused"
    FAILED = "failed"
    NODE_LOST = "node_lost"


class NodeStatus(Enum):
    """What part a node has in a sweep."""

    USED = "used"
    LEFT_OUT = "left_out"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node.

    Attributes:
        node: its name.
        status: its part.
        calibration: what it was found to be; None before that, or if it could not be calibrated.
        outside: the figures by which it is outside the fleet's band.
        cause: why it is lost, or could not be calibrated, in words.
    """

    node: str
    status: NodeStatus = NodeStatus.USED
    calibration: Calibration | None = None
    outside: tuple[OutsideBand, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A share on a node.

    Attributes:
        node: its name.
        status: how that ended.
        cause: why, in words; empty if it ended.
    """

    node: str
    status: ShareStatus
    cause: str = ""


@dataclass(frozen=True, slots=True)
class ShareRecord:
    """One share.

    Attributes:
        block: the model.
        copy: which of the measurements of this block, from 0.
        spec: what is measured.
        status: what became of it; of the last attempt.
        node: that carried it out last.
        run: folder or address of its run; empty if unknown.
        cases: name of each case → its status.
        attempts: all nodes that it was on, in order.
    """

    block: str
    copy: int
    spec: Mapping[str, Any]
    status: ShareStatus = ShareStatus.PENDING
    node: str = ""
    run: str = ""
    cases: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A sweep.

    Attributes:
        id: name of its folder.
        created_utc: when it began.
        on: the placement.
        seed: of the orders of blocks and set-ups.
        copies: on how many nodes each block is measured.
        shares: in their order.
        driver: mark of the process that carries it out, or did last; empty if unknown.
        calibration: how the nodes are calibrated; None if they are not.
        nodes: those that are calibrated, by name; none in old sweeps.
        marks: label, note and tags of its runs, and the code that they measure; None in sweeps stored before.
    """

    id: str
    created_utc: str
    on: str
    seed: int
    copies: int
    shares: tuple[ShareRecord, ...]
    driver: str = ""
    calibration: CalibrationPlan | None = None
    nodes: tuple[NodeRecord, ...] = ()
    marks: Provenance | None = None

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """Node → its calibration, where it has one."""
        return {of.node: of.calibration for of in self.nodes if of.calibration is not None}


def write_sweep(folder: Folder, record: SweepRecord) -> None:
    """Write or replace the file.

    Raises:
        InferenceBenchError: the folder or the store refuses.
    """
    data = to_json({"schema_version": SCHEMA_VERSION, **plain(record)})
    write_whole(folder / SWEEP, data)


def driver_of(folder: Folder) -> str:
    """Return the mark of the driver that wrote the file last; empty if there is no file.

    Raises:
        RunFormatError: it is damaged.
        StorageError: the store cannot be reached or refuses.
    """
    if not (folder / SWEEP).is_file():
        return ""
    data: Any = read_json(folder / SWEEP)
    return str(data.get("driver", ""))


def read_sweep(folder: Folder) -> SweepRecord:
    """Read the file. The runs of its shares are looked for in this folder, wherever it was when they were written.

    Raises:
        RunFormatError: it is missing, damaged, or written by a newer version.
    """
    data = read_json(folder / SWEEP)
    check_version(folder / SWEEP, data.get("schema_version") if isinstance(data, dict) else None, SCHEMA_VERSION)
    record = read_as(SweepRecord, data, folder / SWEEP)
    return replace(record, shares=tuple(_in_folder(share, record.id, folder) for share in record.shares))


def _in_folder(share: ShareRecord, sweep: str, folder: Folder) -> ShareRecord:
    """Return a share with its run in the folder of its sweep as it is reached now; as it is if it was elsewhere."""
    parts = place_of(share.run).parts
    names = [name for name in (sweep, f"{RUN}{sweep}") if name in parts]
    if not names:
        return share
    inside = "/".join(parts[parts.index(names[0]) + 1 :])
    return replace(share, run=str(folder / inside))
