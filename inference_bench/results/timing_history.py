"""The file of timed functions' medians that the pytest plugin appends to: one JSON object per run.

    {"tests/test_it.py::test_one": 51200.0, "run": {"utc": …, "machine": …, "workers": 1, "commit": …, "packages": …}}

Lines without ``run`` were written before machines were recorded.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_bench.errors import RunFormatError, UsageError

_RUN = "run"


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One run of a test suite.

    Attributes:
        medians_ns: the name of each timed function → its median.
        machine: fingerprint of the machine; None if the line does not tell.
        workers: processes that timed at the same time; None if the line does not tell.
        utc: when it began, ISO 8601; empty if the line does not tell.
    """

    medians_ns: Mapping[str, float]
    machine: str | None = None
    workers: int | None = None
    utc: str = ""


def read_history(path: Path) -> list[TimedRun]:
    """Read the runs of a file, oldest first.

    Raises:
        RunFormatError: the file cannot be read, or a line is not a run; the message has its number.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RunFormatError(f"{path}: cannot be read ({error.strerror}).") from None
    return [_run(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _run(line: bytes, where: str) -> TimedRun:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunFormatError(f"{where}: no JSON ({error}). Remove the line.") from None
    if not isinstance(found, dict):
        raise RunFormatError(f"{where}: expected an object of medians, got {type(found).__name__}. Remove the line.")
    facts = found.pop(_RUN, {})
    if not isinstance(facts, dict):
        raise RunFormatError(f"{where}: {_RUN!r} is not an object. Remove the line.")
    medians_ns = {name: _median(value, f"{where}, {name!r}") for name, value in found.items()}
    machine, workers, utc = facts.get("machine"), facts.get("workers"), facts.get("utc", "")
    if not isinstance(machine, str | None) or not isinstance(workers, int | None) or not isinstance(utc, str):
        raise RunFormatError(
            f"{where}: 'machine' and 'utc' must be texts and 'workers' a whole number. Remove the line."
        )
    return TimedRun(medians_ns, machine, workers, utc)


def _median(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            median = float(value)
        except OverflowError:
            median = math.inf
        if 0 < median < math.inf:
            return median
    raise RunFormatError(f"{where}: expected a positive number of nanoseconds, got {str(value)[:40]!r}.")


def check_writable(path: Path) -> None:
    """Check that runs can be appended to a file; one that did not exist does not exist afterwards.

    Raises:
        UsageError: its folder does not exist, or it cannot be written.
        RunFormatError: its lines are not runs.
    """
    try:
        existed = path.exists()
        if existed and not path.is_file():
            raise UsageError(f"{path}: cannot be written (not a regular file).")
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}).") from None
    if existed:
        read_history(path)


def append_run(path: Path, medians_ns: Mapping[str, float], facts: Mapping[str, object]) -> None:
    """Append one run as one line, in one write, so that processes that append at the same time mix no lines.

    Raises:
        OSError: the file cannot be written.
    """
    line = json.dumps({**medians_ns, _RUN: dict(facts)}, allow_nan=False).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    with open(descriptor, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
