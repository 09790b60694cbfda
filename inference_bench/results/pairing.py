"""The runs of an interleaved measurement (``ab``): ``ab.json`` beside their folders names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import RunFormatError
from inference_bench.results.atomic_file import write_whole
from inference_bench.results.documents import PairingDocument
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.serialization import to_json

if TYPE_CHECKING:
    from inference_bench.results.run import Run
    from inference_bench.results.storage import Folder

PAIRING = "ab.json"
_VERSION = 1
_ADVICE = "Measure again."


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """The runs of an interleaved measurement.

    Attributes:
        folders: of the baseline's run and of each candidate's.
        names: of the baseline and of each candidate.
        level: confidence level of each interval, so that 95 % hold over all looks taken while measuring.
    """

    folders: tuple[Folder, ...]
    names: tuple[str, ...]
    level: float


def write_pairing(folder: Folder, names: Sequence[str], runs: Sequence[str], level: float, **facts: object) -> None:
    """Write the description of an interleaved measurement.

    Args:
        folder: contains the runs.
        names: of the baseline and of each candidate.
        runs: names of their folders.
        level: as in ``PairedRuns``.
        **facts: further facts: order, pairs, why measuring stopped.
    """
    sides = [{"name": name, "run": run} for name, run in zip(names, runs, strict=True)]
    data = to_json({"schema_version": _VERSION, "sides": sides, "level": level, **facts})
    write_whole(folder / PAIRING, data)


def read_pairing(folder: Folder) -> PairedRuns | None:
    """Return the interleaved measurement in a folder, or None.

    Raises:
        RunFormatError: the description is damaged.
    """
    path = folder / PAIRING
    if not path.is_file():
        return None
    document = read_as(PairingDocument, read_json(path, _ADVICE), path, _ADVICE)
    sides = document["sides"]
    # Only the name counts, so that a description cannot point outside its folder.
    runs = [Path(side["run"]).name for side in sides]
    if not 0 < document["level"] < 1 or len(sides) < 2 or any(run in ("", "..") or "\0" in run for run in runs):
        given, expected = (document["level"], *runs), "a level between 0 and 1, and names of two folders or more"
        raise RunFormatError(f"{path}: level and runs are {given!r}, expected {expected}. {_ADVICE}")
    return PairedRuns(tuple(folder / run for run in runs), tuple(side["name"] for side in sides), document["level"])


def pairing_of(before: Sequence[Run], after: Sequence[Run]) -> PairedRuns | None:
    """Return the interleaved measurement that two of these runs are sides of, or None."""
    if len(before) != 1 or len(after) != 1 or before[0].folder is None or after[0].folder is None:
        return None
    found = read_pairing(before[0].folder.parent)
    sides = {before[0].folder.resolve(), after[0].folder.resolve()}
    is_it = found is not None and len(sides) == 2 and sides <= {path.resolve() for path in found.folders}
    return found if is_it else None
