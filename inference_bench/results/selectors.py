"""Runs by what people call them: ``latest~1``, a label, ``tag:KEY=VALUE``, ``commit:HASH``, the beginning of an id.

Only names of folders and files ``run.json`` are read, newest first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from inference_bench.errors import RunFormatError
from inference_bench.provenance.record import COMMIT_PREFIX, LATEST, TAG_PREFIX, Provenance
from inference_bench.results.pairing import PAIRING
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.run_folder import RECORD, run_name, runs_in
from inference_bench.results.storage import RUN, Folder, StoredPath, place_of
from inference_bench.units import counted

SELECTORS = (
    "latest, latest~1 (the one before), a label, tag:KEY=VALUE, commit:HASH, the beginning of an id, or a run's folder"
)
"""For help texts and messages."""

_ID = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]+(-ab|-overlap|-sweep)?")
_ID_PREFIX = re.compile(r"\d[\dTZ]{3,15}(-[0-9a-f]*(-[a-z]*)?)?")
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in an output folder, or a folder with the runs of one command (``ab``, ``noise``, ``overlap``).

    Attributes:
        folder: of the run, or of the runs.
        is_group: whether it holds several runs.
    """

    folder: Folder
    is_group: bool = False

    @property
    def runs(self) -> list[Folder]:
        """The folders of its runs, oldest first."""
        return _run_folders(self.folder) if self.is_group else [self.folder]


class RunArchive:
    """The runs in one output folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Folder) -> None:
        self._root = root

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """All entries, newest first, by the time in their names, else by that in ``run.json``."""
        found = filter(None, map(_entry, self._root.iterdir())) if self._root.is_dir() else ()
        return sorted(found, key=lambda entry: (_stamp(entry.folder), _id(entry.folder)), reverse=True)

    def select(self, word: str) -> list[Folder]:
        """Return what a selector names, newest first: folders of runs, and of groups that it names as a whole.

        Raises:
            RunFormatError: there is nothing of this name; a label that several runs bear; a selector that is misspelt.
        """
        if not self.entries:
            raise RunFormatError(f"no run in {self._root}: `run` writes one, --results names another folder.")
        if word == LATEST or word.startswith(f"{LATEST}~"):
            return [self._latest(word)]
        if word.startswith(TAG_PREFIX):
            return self._tagged(word)
        if word.startswith(COMMIT_PREFIX):
            return self._of_commit(word)
        by_id = [entry.folder for entry in self.entries if _id(entry.folder).startswith(word)]
        if by_id and _ID_PREFIX.fullmatch(word):
            if len(by_id) > 1:
                raise RunFormatError(f"{word}: {len(by_id)} ids begin so ({_names(by_id)}). Give more of it.")
            return by_id
        return self._labelled(word)

    def _latest(self, word: str) -> Folder:
        back = word.removeprefix(LATEST).removeprefix("~") if word != LATEST else "0"
        if not re.fullmatch("[0-9]{1,9}", back):
            raise RunFormatError(f"{word}: expected {LATEST}, or {LATEST}~1 for the run before the newest, and so on.")
        if int(back) >= len(self.entries):
            count = len(self.entries)
            oldest = f"{LATEST}~{count - 1} is the oldest" if count > 1 else f"{LATEST} is the only one"
            raise RunFormatError(f"{word}: {self._root} holds {counted(count, 'run')}; {oldest}.")
        return self.entries[int(back)].folder

    def _labelled(self, word: str) -> list[Folder]:
        found = self._where(lambda of: of.label == word)
        if not found:
            newest = self.entries[0].folder
            advice = f"Expected {SELECTORS}. The newest is {_id(newest)}."
            raise RunFormatError(f"{word}: no such folder, and no run in {self._root} has this label or id. {advice}")
        if len(found) > 1:
            advice = f"Name one by its id; {LATEST} is the newest run."
            raise RunFormatError(f"{word}: {len(found)} runs bear this label ({_names(found)}). {advice}")
        return found

    def _tagged(self, word: str) -> list[Folder]:
        key, equals, value = word.removeprefix(TAG_PREFIX).partition("=")
        if not key or not equals:
            raise RunFormatError(f"{word}: expected {TAG_PREFIX}KEY=VALUE, as `run --tag KEY=VALUE` gave it.")
        found = self._where(lambda of: of.tags.get(key) == value)
        if not found:
            values = dict.fromkeys(of.tags[key] for _, of in self._provenances if key in of.tags)
            known = f"its values are {_first_few(list(values))}" if values else "no run has a tag of this name"
            raise RunFormatError(f"{word}: no run in {self._root} has it; {known}.")
        return found

    def _of_commit(self, word: str) -> list[Folder]:
        digits = word.removeprefix(COMMIT_PREFIX).lower()
        if not re.fullmatch("[0-9a-f]{4,64}", digits):
            raise RunFormatError(f"{word}: expected {COMMIT_PREFIX} and the first 4 digits of a hash or more.")
        commits = dict.fromkeys(
            of.code.commit for _, of in self._provenances if of.code and of.code.commit.startswith(digits)
        )
        if len(commits) > 1:
            found = _first_few([commit[: len(digits) + 4] for commit in commits])
            raise RunFormatError(f"{word}: {len(commits)} commits begin so ({found}). Give more of it.")
        if not commits:
            raise RunFormatError(f"{word}: no run in {self._root} is of this commit.")
        return self._where(lambda of: of.code is not None and of.code.commit in commits)

    def _where(self, holds: Callable[[Provenance], bool]) -> list[Folder]:
        """Return the runs for which something holds; instead of all runs of a group, the group."""
        chosen = {folder for folder, provenance in self._provenances if holds(provenance)}
        found: list[Folder] = []
        for entry in self.entries:
            runs = entry.runs
            found += [entry.folder] if runs and chosen.issuperset(runs) else [run for run in runs if run in chosen]
        return found

    @cached_property
    def _provenances(self) -> Sequence[tuple[Folder, Provenance]]:
        """The provenance of each run that can be read, newest first."""
        return [pair for entry in self.entries for run in entry.runs if (pair := _provenance(run))]


def _entry(path: Folder) -> Entry | None:
    if isinstance(path, StoredPath):
        runs = runs_in(path)
        return Entry(path if len(runs) > 1 else runs[0], is_group=len(runs) > 1) if runs else None
    if (path / RECORD).is_file():
        return Entry(path)
    return Entry(path, is_group=True) if _is_group(path) and _run_folders(path) else None


def _is_group(folder: Folder) -> bool:
    if isinstance(folder, StoredPath):
        return folder.name.startswith(RUN) and len(runs_in(folder)) > 1
    named = _ID.fullmatch(folder.name)
    return bool(named and named.group(2)) or (folder / PAIRING).is_file()


def _run_folders(folder: Folder) -> list[Folder]:
    return sorted(runs_in(folder), key=run_name) if folder.is_dir() else []


def _id(folder: Folder) -> str:
    """Return the id of a run, as the name of its folder has it."""
    return run_name(folder).removeprefix(RUN)


def _stamp(folder: Folder) -> str:
    """Return the time of a run as its id begins with it; empty if it is unknown."""
    named = _ID.fullmatch(_id(folder).partition("/")[0])
    if named:
        return named.group(1)
    try:
        data = read_json(folder / RECORD)
        created = data.get("created_utc") if isinstance(data, dict) else None
        return f"{datetime.fromisoformat(str(created)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except (RunFormatError, ValueError, OverflowError):
        return ""


def _provenance(folder: Folder) -> tuple[Folder, Provenance] | None:
    try:
        data = read_json(folder / RECORD)
        found = data.get("provenance", {}) if isinstance(data, dict) else {}
        return folder, read_as(Provenance, found, folder / RECORD)
    except RunFormatError:
        return None


def _names(folders: Sequence[Folder]) -> str:
    return _first_few([run_name(folder) for folder in folders])


def _first_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def is_path(word: str) -> bool:
    """Return whether a word is a path, and no selector; ``./latest`` is a folder of that name."""
    if word == LATEST or word.startswith((f"{LATEST}~", TAG_PREFIX, COMMIT_PREFIX)):
        return False
    return os.sep in word or Path(word).exists()


def select_run(word: str, root: Folder) -> Folder:
    """Return the folder of the one run that a word names; of a folder of runs, the newest.

    Args:
        word: a path, or a selector.
        root: folder of the runs that a selector names.

    Raises:
        RunFormatError: there is none, there are several, or they are those of one command such as ``ab``.
    """
    found = [place_of(word)] if is_path(word) else RunArchive(root).select(word)
    if len(found) > 1:
        raise RunFormatError(f"{word}: {len(found)} runs, expected one ({_names(found)}). Name one by its id.")
    if (found[0] / RECORD).is_file() or not found[0].is_dir():
        return found[0]
    return _newest_in(found[0], word)


def _newest_in(folder: Folder, word: str) -> Folder:
    entries = RunArchive(folder).entries
    if _is_group(folder):
        group = folder
    elif not entries:
        return folder  # which is no run, as reading it says
    elif not entries[0].is_group:
        return entries[0].folder
    else:
        group = entries[0].folder
    runs = _run_folders(group)
    how = f" `compare {word}` compares them." if (group / PAIRING).is_file() else ""
    what = f"{group} holds the {counted(len(runs), 'run')} of one command, expected a run"
    raise RunFormatError(f"{word}: {what}.{how} Name one of: {_names(runs)}, in that folder.")
