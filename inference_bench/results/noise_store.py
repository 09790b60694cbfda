"""Stored A/A measurements: one file per machine, named by its fingerprint, in the user's state folder."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import numpy as np

from inference_bench.analysis.margin import AAFloor
from inference_bench.analysis.noise_floor import Pairs, drift_floor, pair_floor
from inference_bench.analysis.observations import Observations, Side
from inference_bench.errors import RunFormatError
from inference_bench.results.atomic_file import write_atomically

SCHEMA_VERSION = 1
Slot = tuple[str, str, str]
"""Benchmark, metric and phase."""


class EntryDocument(TypedDict):
    """The pairs of one metric in one phase of one case, as stored."""

    case: str
    benchmark: str
    metric: str
    phase: str
    pairs: Sequence[tuple[float, float]]


class SessionDocument(TypedDict):
    """One A/A measurement, as stored."""

    measured_utc: str
    entries: Sequence[EntryDocument]


@dataclass(frozen=True, slots=True)
class Noise:
    """The A/A measurements of one machine.

    Attributes:
        measured_utc: time of the latest, ISO 8601.
        sessions: their number.
        cases: benchmark, metric and phase → case id → run medians of each session.
    """

    measured_utc: str
    sessions: int
    cases: Mapping[Slot, Mapping[str, tuple[Pairs, ...]]]

    def age_days(self, now: datetime | None = None) -> float:
        """Return the age of the latest measurement."""
        return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.measured_utc)).total_seconds() / 86_400

    def floor(self, *, paired: bool) -> AAFloor:
        """Return the floor for ``compare``: that of the case itself, else the largest of its benchmark.

        Args:
            paired: whether the comparison is of interleaved pairs.
        """

        def look_up(observations: Observations) -> float | None:
            slot = observations.case.benchmark, observations.metric, observations.phase
            return self.floor_of(slot, observations.case.id, paired=paired) if slot in self.cases else None

        return look_up

    def floor_of(self, slot: Slot, case_id: str = "", *, paired: bool) -> float:
        """Return the floor of a case as a fraction; if it was not measured, the largest of the slot's cases.

        Raises:
            KeyError: the slot was not measured.
        """

        def of_sessions(sessions: tuple[Pairs, ...]) -> float:
            return math.expm1(max(map(pair_floor, sessions)) if paired else drift_floor(sessions))

        cases = self.cases[slot]
        return of_sessions(cases[case_id]) if case_id in cases else max(map(of_sessions, cases.values()))


def state_folder() -> Path:
    """Return the user's state folder for this project, by the XDG base directory specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "inference_bench"


def noise_file(fingerprint: str, folder: Path | None = None) -> Path:
    """Return the noise file of a machine."""
    return (folder or state_folder()) / "noise" / f"{fingerprint}.json"


def load_noise(fingerprint: str, folder: Path | None = None) -> Noise | None:
    """Return the stored noise of a machine, or None if unknown.

    Raises:
        RunFormatError: the file is damaged or from a newer version.
    """
    path = noise_file(fingerprint, folder)
    sessions = _sessions(path)
    if not sessions:
        return None
    cases: dict[Slot, dict[str, tuple[Pairs, ...]]] = {}
    try:
        for session in sessions:
            for entry in session["entries"]:
                of_slot = cases.setdefault((entry["benchmark"], entry["metric"], entry["phase"]), {})
                pairs = np.array(entry["pairs"], np.float64).reshape(-1, 2)
                of_slot[entry["case"]] = (*of_slot.get(entry["case"], ()), pairs)
        return Noise(max(str(session["measured_utc"]) for session in sessions), len(sessions), cases)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(f"{path}: damaged ({error!r}). Delete it and measure the noise again.") from error


def add_noise(
    before: Side, after: Side, fingerprint: str, folder: Path | None = None, now: datetime | None = None
) -> Path:
    """Add one A/A measurement to the noise file of a machine.

    Args:
        before: one half of the pairs.
        after: the other half, processes of equal names.
        fingerprint: of the machine.
        folder: instead of the user's state folder.
        now: instead of the present.

    Returns:
        The file.
    """
    import orjson

    path = noise_file(fingerprint, folder)
    stamp = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    session: SessionDocument = {
        "measured_utc": stamp,
        "entries": list(_entries(before.observations, after.observations)),
    }
    document = {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": fingerprint,
        "sessions": [*_sessions(path), session],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _entries(before: Iterable[Observations], after: Iterable[Observations]) -> Iterator[EntryDocument]:
    others = {(of.case.id, of.metric, of.phase): of for of in after}
    for of in before:
        other = others.get((of.case.id, of.metric, of.phase))
        pairs = [(of.values[p], other.values[p]) for p in of.values if p in other.values] if other else []
        if pairs and min(min(pair) for pair in pairs) > 0:
            yield EntryDocument(
                case=of.case.id, benchmark=of.case.benchmark, metric=of.metric, phase=of.phase, pairs=pairs
            )


def _sessions(path: Path) -> list[SessionDocument]:
    import orjson

    try:
        document = orjson.loads(path.read_bytes())
        version, sessions = document["schema_version"], document["sessions"]
    except FileNotFoundError:
        return []
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise RunFormatError(f"{path}: damaged ({error!r}). Delete it and measure the noise again.") from error
    if version > SCHEMA_VERSION:
        raise RunFormatError(f"{path}: version {version}, but this inference_bench reads up to {SCHEMA_VERSION}.")
    return list(sessions)
