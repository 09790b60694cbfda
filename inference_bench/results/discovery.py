"""Find and open runs by folder, pattern or selector."""

from __future__ import annotations

import os
from collections.abc import Callable
from glob import glob, has_magic
from pathlib import Path
from typing import TypeVar

from inference_bench.errors import RunFormatError
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import RECORD, default_output, runs_in
from inference_bench.results.selectors import RunArchive, is_path
from inference_bench.results.storage import Folder, StoredPath, is_address, place_of

Place = str | os.PathLike[str]
T = TypeVar("T")


def find_folders(place: Place, root: Folder | None = None) -> list[Folder]:
    """Return the folders that an argument names: of runs, or folders that contain runs.

    Args:
        place: a run, a folder of runs, a pattern of either, an address on a store, or a selector such as ``latest``.
        root: folder of the runs that a selector names; None for that of ``run``.

    Raises:
        RunFormatError: a selector that names nothing, or not one thing.
    """
    text = os.fspath(place)
    if is_address(text):
        return [place_of(text)]
    if is_path(text) and Path(text).exists():
        return [Path(text)]
    if has_magic(text):
        return [Path(found) for found in sorted(glob(text))]
    return [Path(text)] if is_path(text) else RunArchive(root or default_output()).select(text)


def find_runs(place: Place, root: Folder | None = None) -> list[Folder]:
    """Return the run folders of an argument, as of ``find_folders``.

    Raises:
        RunFormatError: there is none.
    """
    places = find_folders(place, root)
    found = [folder for path in places for folder in _runs_in(path)]
    if not found:
        exists = any(path.exists() for path in places)
        problem = f"no run in it, no {RECORD} at any depth" if exists else "no such folder"
        raise RunFormatError(
            f"{os.fspath(place)}: {problem}; expected a folder that `python -m inference_bench run` wrote."
        )
    return found


def _runs_in(path: Folder) -> list[Folder]:
    if isinstance(path, StoredPath):
        return runs_in(path)
    if (path / RECORD).is_file():
        return [path]
    return [file.parent for file in sorted(path.rglob(RECORD))]


def open_runs(place: Place, problem: Callable[[str], None], root: Folder | None = None) -> list[Run]:
    """Read all runs of an argument.

    Args:
        place: as of ``find_folders``.
        problem: called with a line for each unreadable run, which is skipped, and each run in progress.
        root: folder of the runs that a selector names; None for that of ``run``.

    Raises:
        RunFormatError: none is readable.
    """
    runs = read_each(place, load_run, problem, root)
    for run in runs:
        if run.is_in_progress:
            problem(in_progress(run))
    return runs


def in_progress(run: Run) -> str:
    """Return the remark on a run that is being measured."""
    return f"{run.folder} is in progress: {run.progress}."


def read_each(
    place: Place, read: Callable[[Folder], T], problem: Callable[[str], None], root: Folder | None = None
) -> list[T]:
    """Read all runs of an argument in a way of one's own.

    Args:
        place: as of ``find_folders``.
        read: returns what is wanted of the run in a folder.
        problem: called with a line for each unreadable run, which is skipped.
        root: folder of the runs that a selector names; None for that of ``run``.

    Raises:
        RunFormatError: none is readable.
    """
    found = []
    for folder in find_runs(place, root):
        try:
            found.append(read(folder))
        except RunFormatError as error:
            problem(str(error))
    if not found:
        raise RunFormatError(f"{os.fspath(place)}: no readable run.")
    return found
