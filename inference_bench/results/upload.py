"""The folder of a run copied to a store, case by case, so that a reader never sees half a case.

    s3://bucket/prefix/run_id=20261123T201530Z-3fa9c1/node=host/
        samples/<case>-<digest>.parquet   objects of their own, never overwritten
        summaries.parquet, results.csv    the cases whose tables are stored
        results.json                      the same, with the names of their tables
        run.json                          last

The folder on disk stays the truth: an upload only brings the store up to it, at any time, and again after any failure.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from inference_bench.columns import TABLES
from inference_bench.errors import SinkError
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.reading import read_json
from inference_bench.results.results_document import encode
from inference_bench.results.run_folder import RECORD, RESULTS, SUMMARIES
from inference_bench.results.storage import NODE, RUN
from inference_bench.results.summary_file import FILE as SUMMARY_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_bench.results.storage import StoredPath

_LOGS = "logs"
_DIGITS = 12


class ForeignRunError(SinkError):
    """What the store has there is not of this folder, or newer than it."""


def target_of(address: StoredPath, run: str) -> StoredPath:
    """Return where a run is stored: below an address, in it if that is a group of runs, or at it if it is its place."""
    if address.name.startswith(RUN):
        return address / run
    if any(part.startswith(RUN) for part in address.parts):
        return address
    return address / f"{RUN}{run}" / f"{NODE}{this_node()}"


def this_node() -> str:
    """Return the name of this machine as a part of an address."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "unknown"


class Upload:
    """Brings a store up to the folder of a run.

    Args:
        folder: of the run, on disk; one process writes it.
        target: where the run is stored.
    """

    def __init__(self, folder: Path, target: StoredPath) -> None:
        self.target = target
        self._folder = folder
        self._stored: dict[str, int] | None = None
        self._names: dict[tuple[str, int, int], str] = {}
        self._records: set[bytes] = set()
        self._has_been_there = False

    def update(self) -> None:
        """Store what the folder has and the store lacks: tables, then ``results.json``, then ``run.json``.

        Raises:
            StorageError: the store cannot be reached or refuses; what it has is whole.
            ForeignRunError: the store has another run there, or more of this one.
        """
        self._check_owner()
        document: Any = read_json(self._folder / RESULTS)
        for entry in document["results"]:
            entry |= {table: self._store_table(entry[table]) for table in TABLES if entry.get(table) is not None}
        for name in (SUMMARY_FILE, SUMMARIES):
            if (self._folder / name).is_file():
                (self.target / name).write_bytes((self._folder / name).read_bytes())
        (self.target / RESULTS).write_bytes(encode(document))
        record = (self._folder / RECORD).read_bytes()
        self._records.add(record)
        (self.target / RECORD).write_bytes(record)
        self._has_been_there = True

    def complete(self) -> None:
        """Store all, the logs too, and delete the tables that no case names any more.

        Raises:
            StorageError: the store cannot be reached or refuses.
            ForeignRunError: the store has another run there, or more of this one.
        """
        self._check_owner()
        for log in sorted((self._folder / _LOGS).glob("*")):
            if log.is_file():
                (self.target / _LOGS / log.name).write_bytes(log.read_bytes())
        self.update()
        delete_unnamed(self.target)

    def _check_owner(self) -> None:
        """Refuse to write over what is not a former state of this folder."""
        try:
            there = (self.target / RECORD).read_bytes()
        except FileNotFoundError:
            if self._has_been_there:
                raise ForeignRunError(f"{self.target}: the run was deleted there while this one wrote it.") from None
            return
        self._has_been_there = True
        if there in self._records:
            return
        for problem in _differences(self._folder, self.target):
            advice = f"Resume from there (`run --resume '{self.target}'`), or choose another address."
            raise ForeignRunError(f"{self.target}: {problem}. {advice}")
        if self._records:
            raise ForeignRunError(f"{self.target}: another process writes this run there. Stop one of the two.")
        self._records.add(there)

    def _store_table(self, name: str) -> str:
        """Store a table unless it is there whole; return its name in the store, which its content determines."""
        path = self._folder / name
        facts = path.stat()
        key = name, facts.st_mtime_ns, facts.st_size
        if key not in self._names:
            data = path.read_bytes()
            stored = _with_digest(PurePosixPath(name), data)
            if self._there().get(stored) != len(data):
                (self.target / stored).write_bytes(data)
                self._there()[stored] = len(data)
            self._names = {other: at for other, at in self._names.items() if other[0] != name} | {key: stored}
        return self._names[key]

    def _there(self) -> dict[str, int]:
        """Return what was there, and what was written since: name → size, by which a part is told from the whole."""
        if self._stored is None:
            self._stored = self.target.sizes()
        return self._stored


def delete_unnamed(target: StoredPath) -> None:
    """Delete the tables of a stored run that no case names any more.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    document: Any = read_json(target / RESULTS)
    named = {entry.get(table) for entry in document["results"] for table in TABLES}
    for name in target.files():
        if name.partition("/")[0] in TABLES and name not in named:
            (target / name).unlink()


def fetch_run(source: StoredPath, root: Path) -> Path:
    """Return the folder of a stored run under ``root``; copied there, unless it is there already.

    Raises:
        StorageError: the store cannot be reached or refuses.
        RunFormatError: it is no run.
    """
    record: Any = read_json(source / RECORD)
    folder = root / PurePosixPath(str(record["id"])).name
    if (folder / RECORD).is_file():
        return folder
    names = sorted(source.files(), key=lambda name: (name == RECORD, name))
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (source / name).read_bytes())
    return folder


def _with_digest(name: PurePosixPath, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    return str(name if name.stem.endswith(digest) else name.with_stem(f"{name.stem}-{digest}"))


def _differences(folder: Path, target: StoredPath) -> Iterator[str]:
    """Yield why what the store has is no former state of the run in a folder."""
    here, there = (read_json(place / RECORD) for place in (folder, target))
    assert isinstance(here, dict)
    if not isinstance(there, dict) or any(there.get(key) != here[key] for key in ("id", "created_utc")):
        yield f"it holds another run ({there.get('id') if isinstance(there, dict) else 'unreadable'})"
        return
    ours, theirs = (_processes(place) for place in (folder, target))
    ahead = [case for case, count in theirs.items() if count > ours.get(case, -1)]
    if ahead:
        yield f"it has more of this run than {folder}: {len(ahead)} cases or processes"


def _processes(place: Path | StoredPath) -> Mapping[str, int]:
    """Return the number of processes of each case that has ended."""
    try:
        document: Any = read_json(place / RESULTS)
    except FileNotFoundError:
        return {}
    return {entry["case"]["id"]: len(entry["workers"]) for entry in document["results"]}
