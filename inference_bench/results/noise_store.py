"""Stored A/A measurements: one file per machine, named by its fingerprint, in the user's state folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import numpy as np

from inference_bench.analysis.margin import AAFloor
from inference_bench.analysis.noise_floor import Pairs, drift_floor, pair_floor, pair_spread, run_spread
from inference_bench.analysis.observations import Observations, Side
from inference_bench.errors import RunFormatError
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.state_folder import machine_file, write_machine_file

SCHEMA_VERSION = 1

KIND = "noise"
"""Folder of these files in the state folder."""
_LARGEST = 1e30
"""No figure of a metric is larger, and none is smaller than its inverse."""
_ADVICE = "Delete it and measure the noise again."

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


class NoiseDocument(TypedDict):
    """The file of one machine."""

    schema_version: int
    sessions: Sequence[SessionDocument]


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

    def spread_of(self, slot: Slot, case_id: str = "") -> tuple[float, int]:
        """Return by how much a case's change scatters from pair to pair; if it was not measured, the slot's largest.

        Returns:
            The standard deviation of the logarithms of the ratios, pooled over the measurements, and its degrees of
            freedom; these are 0 where no measurement has two pairs.

        Raises:
            KeyError: the slot was not measured.
        """
        cases = self.cases[slot]
        found = [cases[case_id]] if case_id in cases else list(cases.values())
        return max(map(pair_spread, found))

    def floor_of(self, slot: Slot, case_id: str = "", *, paired: bool) -> float:
        """Return the floor of a case as a fraction; if it was not measured, the largest of the slot's cases.

        Raises:
            KeyError: the slot was not measured.
        """

        def of_sessions(sessions: tuple[Pairs, ...]) -> float:
            return math.expm1(max(map(pair_floor, sessions)) if paired else drift_floor(sessions))

        cases = self.cases[slot]
        return of_sessions(cases[case_id]) if case_id in cases else max(map(of_sessions, cases.values()))

    def run_spread(self, slot: Slot, case_id: str, processes: tuple[int, int]) -> float | None:
        """Return the standard deviation of the difference between two separate runs of a case, as a logarithm.

        Of a case that was not measured it is the largest of the slot's cases; None if the slot was not measured.

        Args:
            slot: benchmark, metric and phase.
            case_id: of the case.
            processes: of the one run and of the other.
        """
        cases = self.cases.get(slot, {})
        measured = [cases[case_id]] if case_id in cases else list(cases.values())
        return max((run_spread(sessions, processes) for sessions in measured), default=None)


def noise_file(fingerprint: str, folder: Path | None = None) -> Path | None:
    """Return the noise file of a machine; None if there is no folder for it."""
    return machine_file(KIND, fingerprint, folder)


def load_noise(fingerprint: str, folder: Path | None = None) -> Noise | None:
    """Return the stored noise of a machine, or None if unknown.

    Raises:
        RunFormatError: the file is damaged or from a newer version.
    """
    path = noise_file(fingerprint, folder)
    return None if path is None else read_noise(path)


def read_noise(path: Path) -> Noise | None:
    """Return the noise in a file, or None if there is none.

    Raises:
        RunFormatError: the file is damaged or from a newer version.
    """
    sessions = _sessions(path)
    if not sessions:
        return None
    cases: dict[Slot, dict[str, tuple[Pairs, ...]]] = {}
    for session in sessions:
        for entry in session["entries"]:
            of_slot = cases.setdefault((entry["benchmark"], entry["metric"], entry["phase"]), {})
            pairs = np.array(entry["pairs"], np.float64).reshape(-1, 2)
            if not len(pairs) or not ((pairs > 1 / _LARGEST) & (pairs < _LARGEST)).all():
                raise RunFormatError(f"{path}: pairs of {entry['metric']!r}, expected positive numbers. {_ADVICE}")
            of_slot[entry["case"]] = (*of_slot.get(entry["case"], ()), pairs)
    return Noise(max(_time(session, path) for session in sessions).isoformat(), len(sessions), cases)


def _time(session: SessionDocument, path: Path) -> datetime:
    try:
        found = datetime.fromisoformat(session["measured_utc"])
    except ValueError:
        given = session["measured_utc"][:60]
        raise RunFormatError(f"{path}: measured_utc is {given!r}, expected an ISO 8601 time. {_ADVICE}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


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

    Raises:
        InvalidValueError: the folder cannot be written.
        RunFormatError: the file that is there is damaged.
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
        "sessions": [*(_sessions(path) if path else []), session],
    }
    return write_machine_file(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _entries(before: Iterable[Observations], after: Iterable[Observations]) -> Iterator[EntryDocument]:
    others = {(of.case.id, of.metric, of.phase): of for of in after}
    for of in before:
        other = others.get((of.case.id, of.metric, of.phase))
        pairs = [(of.values[p], other.values[p]) for p in of.values if p in other.values] if other else []
        if pairs and min(min(pair) for pair in pairs) > 0:
            yield EntryDocument(
                case=of.case.id, benchmark=of.case.benchmark, metric=of.metric, phase=of.phase, pairs=pairs
            )


def _sessions(path: Path) -> Sequence[SessionDocument]:
    if not path.exists():
        return []
    document = read_as(NoiseDocument, read_json(path, _ADVICE), path, _ADVICE)
    if document["schema_version"] > SCHEMA_VERSION:
        given = document["schema_version"]
        raise RunFormatError(f"{path}: version {given}, but this inference_bench reads up to {SCHEMA_VERSION}.")
    return document["sessions"]
