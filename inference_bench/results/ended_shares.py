"""The shares of a sweep that have ended: their runs are those that count."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from inference_bench.errors import RunFormatError
from inference_bench.results.discovery import find_folders, open_runs
from inference_bench.results.sweep_file import SWEEP, ShareStatus, SweepRecord, read_sweep
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.results.run import Run
    from inference_bench.results.storage import Folder


def open_ended_runs(
    place: str | os.PathLike[str], problem: Callable[[str], None], root: Folder | None = None
) -> list[Run]:
    """Read all runs of an argument, as ``open_runs``; of a sweep those of the shares that have ended, in their order.

    What a node measured of a share before it died is left out: another node measured all of it.

    Raises:
        RunFormatError: there is none, or none is readable.
    """
    folders = find_folders(place, root)
    if len(folders) != 1 or not (folders[0] / SWEEP).is_file():
        return open_runs(place, problem, root)
    record = read_sweep(folders[0])
    ended = _ended(record)
    if len(ended) < len(record.shares):
        missing = counted(len(record.shares) - len(ended), "share")
        problem(f"{folders[0]}: {missing} of {len(record.shares)} not ended: left out.")
    runs = sorted((run for run in open_runs(place, problem, root) if _share_of(run) in ended), key=_share_of)
    if not runs:
        raise RunFormatError(f"{os.fspath(place)}: no share has ended; `run --resume {folders[0]}` carries them out.")
    return runs


def _ended(record: SweepRecord) -> set[tuple[str, str]]:
    """Return number and node of the shares that have ended, as the tags of their runs have them."""
    return {
        (f"{number:03}", share.node) for number, share in enumerate(record.shares) if share.status is ShareStatus.ENDED
    }


def _share_of(run: Run) -> tuple[str, str]:
    tags = run.record.provenance.tags
    return tags.get("share", ""), tags.get("node", "")
