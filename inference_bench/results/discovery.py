"""Many runs at once: finding them by folder or pattern, knowing which were interleaved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from inference_bench.errors import RunFormatError
from inference_bench.results.run_folder import RECORD, Run, load_run, write_atomically

_PAIRING_VERSION = 1
PAIRING = "ab.json"
"""Stands in the folder of an interleaved measurement, beside the folders of its two runs."""


def find_runs(place: str | os.PathLike[str]) -> list[Path]:
    """Return the run folders that an argument means: a run, a folder with runs in it, or a pattern of either.

    Raises:
        RunFormatError: there are none.
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
    """Read all the runs that an argument means; those that cannot be read are told and left out.

    Raises:
        RunFormatError: none can be read.
    """
    runs = []
    for folder in find_runs(place):
        try:
            runs.append(load_run(folder))
        except RunFormatError as error:
            problem(str(error))
    if not runs:
        raise RunFormatError(f"{os.fspath(place)}: not one readable run.")
    return runs


@dataclass(frozen=True, slots=True)
class Pairing:
    """What the folder of an interleaved measurement says of itself.

    Attributes:
        folders: of A's and of B's run.
        names: of A and of B.
        level: confidence level that intervals need for 95 % in all, after looking at them while measuring.
    """

    folders: tuple[Path, Path]
    names: tuple[str, str]
    level: float


def write_pairing(folder: Path, names: tuple[str, str], runs: tuple[str, str], level: float, **facts: Any) -> None:
    """Write the description of an interleaved measurement.

    Args:
        folder: that holds the two runs.
        names: of A and of B.
        runs: names of their folders.
        level: as in ``Pairing``.
        **facts: what else is worth keeping: order, pairs, why measuring stopped.
    """
    import orjson

    sides = [{"name": name, "run": run} for name, run in zip(names, runs, strict=True)]
    document = {"schema_version": _PAIRING_VERSION, "sides": sides, "level": level, **facts}
    write_atomically(folder / PAIRING, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_pairing(folder: Path) -> Pairing | None:
    """Return what an interleaved measurement consists of, or None if the folder holds none.

    Raises:
        RunFormatError: its description is damaged.
    """
    import orjson

    path = folder / PAIRING
    if not path.is_file():
        return None
    try:
        document = orjson.loads(path.read_bytes())
        first, second = document["sides"]
        # Only the name counts: a description cannot lead out of its folder.
        folders = tuple(folder / Path(side["run"]).name for side in (first, second))
        return Pairing((folders[0], folders[1]), (str(first["name"]), str(second["name"])), float(document["level"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise RunFormatError(f"{path}: damaged ({error!r}). Measure again.") from error


def pairing_of(before: Sequence[Run], after: Sequence[Run]) -> Pairing | None:
    """Return the interleaved measurement whose halves these are, or None."""
    if len(before) != 1 or len(after) != 1 or before[0].folder is None or after[0].folder is None:
        return None
    found = read_pairing(before[0].folder.parent)
    halves = (before[0].folder.resolve(), after[0].folder.resolve())
    is_it = found is not None and {path.resolve() for path in found.folders} == set(halves)
    return found if is_it else None
