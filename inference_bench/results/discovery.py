"""Find and open runs by folder or pattern."""

from __future__ import annotations

import os
from collections.abc import Callable
from glob import glob, has_magic
from pathlib import Path

from inference_bench.errors import RunFormatError
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import RECORD


def find_runs(place: str | os.PathLike[str]) -> list[Path]:
    """Return the run folders of an argument: a run, a folder that contains runs, or a pattern of either.

    Raises:
        RunFormatError: there is none.
    """
    text = os.fspath(place)
    places = sorted(map(Path, glob(text))) if has_magic(text) and not Path(text).exists() else [Path(text)]
    found = [folder for path in places for folder in _runs_in(path)]
    if not found:
        exists = any(path.exists() for path in places)
        problem = f"no run in it, no {RECORD} at any depth" if exists else "no such folder"
        raise RunFormatError(f"{text}: {problem}; expected a folder that `python -m inference_bench run` wrote.")
    return found


def _runs_in(path: Path) -> list[Path]:
    return [path] if (path / RECORD).is_file() else sorted(file.parent for file in path.rglob(RECORD))


def open_runs(place: str | os.PathLike[str], problem: Callable[[str], None]) -> list[Run]:
    """Read all runs of an argument; ``problem`` is called with a line for each unreadable run, which is skipped.

    Raises:
        RunFormatError: none is readable.
    """
    runs = []
    for folder in find_runs(place):
        try:
            runs.append(load_run(folder))
        except RunFormatError as error:
            problem(str(error))
    if not runs:
        raise RunFormatError(f"{os.fspath(place)}: no readable run.")
    return runs
