"""The runs in the folder of a sweep, also those that ``sweep.json`` does not name.

A driver that was killed did not record the last shares that ended: they are taken in. A share whose node died was
begun there and measured elsewhere: what is left of it is deleted, so that the data set has each case once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from inference_bench.errors import RunFormatError
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import RECORD, is_in_progress, runs_in
from inference_bench.results.storage import NODE, Folder, StoredPath
from inference_bench.results.sweep_file import Attempt, ShareStatus, SweepRecord
from inference_bench.results.upload import delete_unnamed

_SHARE = "share="


@dataclass(frozen=True, slots=True)
class SharePlace:
    """Where a share was measured, wholly or in part.

    Attributes:
        number: of the share.
        node: that measured it.
        folder: of its run.
    """

    number: int
    node: str
    folder: Folder


def stored_share(sweep: StoredPath, node: str, number: int) -> StoredPath:
    """Return where the run of a share on a node is stored."""
    return sweep / f"{NODE}{node}" / f"{_SHARE}{number:03}"


def share_tags(sweep: str, node: str, number: int) -> dict[str, str]:
    """Return the tags by which the run of a share on a node is found among others on a disk."""
    return {"sweep": sweep, "share": f"{number:03}", "node": node}


def share_places(folder: Folder, record: SweepRecord) -> Iterator[SharePlace]:
    """Yield all places where shares of a sweep were begun.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    if isinstance(folder, StoredPath):
        for node in _beginning(folder, NODE):
            for share in _beginning(node, _SHARE):
                number = int(share.name.removeprefix(_SHARE))
                yield SharePlace(number, node.name.removeprefix(NODE), share)
        return
    for found in runs_in(folder):
        with suppress(RunFormatError):
            tags = load_run(found).record.provenance.tags
            if tags.get("sweep") == record.id:
                yield SharePlace(int(tags["share"]), tags["node"], found)


def take_in(folder: Folder, record: SweepRecord) -> SweepRecord:
    """Return a sweep with the shares whose run is finished, but whose end no driver recorded.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    shares = list(record.shares)
    for place in share_places(folder, record):
        share = shares[place.number]
        if share.status is ShareStatus.ENDED or (run := _finished(place.folder)) is None:
            continue
        if isinstance(place.folder, StoredPath):
            delete_unnamed(place.folder)
        shares[place.number] = replace(
            share,
            status=ShareStatus.ENDED,
            node=place.node,
            run=str(place.folder),
            cases={result.case.slug: result.status.value for result in run.results},
            attempts=(*share.attempts, Attempt(place.node, ShareStatus.ENDED)),
        )
    return replace(record, shares=tuple(shares))


def delete_leftovers(folder: Folder, record: SweepRecord) -> None:
    """Delete what is left on other nodes of shares that have ended.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    for place in list(share_places(folder, record)):
        share = record.shares[place.number]
        if share.status is ShareStatus.ENDED and share.node != place.node:
            _delete(place.folder)


def _beginning(folder: StoredPath, name: str) -> list[StoredPath]:
    return [inside for inside in folder.iterdir() if inside.name.startswith(name)]


def _finished(folder: Folder) -> Run | None:
    """Return a run if all of its plan was carried out and stored."""
    if not (folder / RECORD).is_file():
        return None
    run = load_run(folder)
    return run if run.record.finished and not run.is_in_progress else None


def _delete(folder: Folder) -> None:
    """Delete a run, its record first: readers see it whole or not at all. One that is being written stays."""
    if isinstance(folder, StoredPath):
        for name in sorted(folder.files(), key=lambda name: name != RECORD):
            (folder / name).unlink()
    elif not is_in_progress(folder):
        hidden = folder.with_name(f".{folder.name}")
        folder.rename(hidden)
        shutil.rmtree(hidden)
