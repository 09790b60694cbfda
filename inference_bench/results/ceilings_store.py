"""Stored ceilings: one file per machine, named by its fingerprint, in the user's state folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from inference_bench.analysis.machine_load import is_doubtful
from inference_bench.ceilings import Ceilings
from inference_bench.errors import RunFormatError
from inference_bench.result import RunRecord
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.serialization import plain, to_json
from inference_bench.results.state_folder import machine_file, write_machine_file

SCHEMA_VERSION = 1
KIND = "ceilings"
"""Folder of these files in the state folder."""

_ADVICE = "Delete it and measure the ceilings again."


class CeilingsDocument(TypedDict):
    """The file of one machine: the ceilings of each device by its name."""

    schema_version: int
    devices: Mapping[str, Ceilings]


def load_ceilings(fingerprint: str, device: str, folder: Path | None = None) -> Ceilings | None:
    """Return the stored ceilings of a device, or None if they are unknown.

    Args:
        fingerprint: of the machine.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        folder: instead of the user's state folder.

    Raises:
        RunFormatError: the file is damaged or from a newer version.
    """
    return load_all_ceilings(fingerprint, folder).get(device)


def load_all_ceilings(fingerprint: str, folder: Path | None = None) -> Mapping[str, Ceilings]:
    """Return the stored ceilings of a machine by device; empty if none are known.

    Args:
        fingerprint: of the machine.
        folder: instead of the user's state folder.

    Raises:
        RunFormatError: the file is damaged or from a newer version.
    """
    path = machine_file(KIND, fingerprint, folder)
    return {} if path is None or not path.exists() else _read(path)


def ceilings_of(record: RunRecord, device: str) -> Ceilings | None:
    """Return the ceilings of a run's machine, those that the run recorded or those that are stored here.

    Those of a calm machine count more than those of a busy one, newer ones more than older ones.

    Args:
        record: of the run.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        RunFormatError: the stored file is damaged or from a newer version.
    """
    known = [each for each in record.ceilings if each.device == device]
    stored = load_ceilings(str(record.environment.get("fingerprint", "")), device)
    found = [*known, *([] if stored is None else [stored])]
    return max(found, key=lambda each: (not is_doubtful(each), each.measured_utc), default=None)


def ceilings_to_show(record: RunRecord, device: str) -> Ceilings | None:
    """Return the ceilings that a report holds a run against: those that it recorded, else those that are stored here.

    A report is no place to complain of a damaged store: then None.
    """
    recorded = [each for each in record.ceilings if each.device == device]
    if recorded:
        return recorded[0]
    try:
        return ceilings_of(record, device)
    except RunFormatError:
        return None


def store_ceilings(ceilings: Ceilings, folder: Path | None = None, *, force: bool = False) -> Path | None:
    """Store the ceilings of a device in place of its former ones, and return the file.

    Those of a busy machine do not replace those of a calm one: then nothing is stored, and None returned.

    Args:
        ceilings: of one device.
        folder: instead of the user's state folder.
        force: replace the former ones in any case.

    Raises:
        InvalidValueError: the folder cannot be written.
        RunFormatError: the file that is there is damaged or from a newer version.
    """
    path = machine_file(KIND, ceilings.fingerprint, folder)
    known = load_all_ceilings(ceilings.fingerprint, folder)
    former = known.get(ceilings.device)
    if former is not None and is_doubtful(ceilings) and not is_doubtful(former) and not force:
        return None
    devices = {**known, ceilings.device: ceilings}
    document = CeilingsDocument(schema_version=SCHEMA_VERSION, devices=devices)
    return write_machine_file(path, to_json(plain(document)))


def _read(path: Path) -> Mapping[str, Ceilings]:
    raw = read_json(path, _ADVICE)
    given = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(given, int) and given > SCHEMA_VERSION:
        raise RunFormatError(f"{path}: version {given}, but this inference_bench reads up to {SCHEMA_VERSION}.")
    devices = read_as(CeilingsDocument, raw, path, _ADVICE)["devices"]
    for ceilings in devices.values():
        _check_time(ceilings, path)
    return devices


def _check_time(ceilings: Ceilings, path: Path) -> None:
    try:
        ceilings.age_days()
    except (ValueError, TypeError):  # no time, or one without a zone
        given = ceilings.measured_utc[:60]
        raise RunFormatError(
            f"{path}: measured_utc is {given!r}, expected an ISO 8601 time with its zone. {_ADVICE}"
        ) from None
