"""Runs copied for a dossier: the files that they name, without what is private."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_bench.columns import CASE_ID, TABLES
from inference_bench.dossier.layout import RUNS
from inference_bench.dossier.private_facts import PrivateFacts
from inference_bench.errors import RunFormatError, UsageError
from inference_bench.results.documents import StoredCase
from inference_bench.results.pairing import PAIRING, read_pairing
from inference_bench.results.parquet_table import CASE, CASE_ID_KEY, decode, encode
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import RECORD, RESULTS
from inference_bench.results.serialization import to_json
from inference_bench.results.storage import Folder
from inference_bench.units import counted


@dataclass(frozen=True, slots=True)
class Source:
    """A run that goes into a dossier.

    Attributes:
        run: as it was read.
        folder: of its copy, relative to the dossier.
        pairing: ``ab.json`` beside it, if all its runs go into the dossier; else None.
    """

    run: Run
    folder: str
    pairing: Path | None = None


def sources(folders: Sequence[Path]) -> list[Source]:
    """Return the runs to copy, each once, in the given order; those of interleaved pairs have the baseline first.

    Raises:
        UsageError: a run that is not finished, or two runs of one name.
        RunFormatError: a folder that is no run.
    """
    unique = _in_order(list(dict.fromkeys(folder.resolve() for folder in folders)))
    runs = [load_run(folder) for folder in unique]
    paired = {folder: path for folder in unique if (path := _pairing_beside(folder, unique))}
    found = []
    for folder, run in zip(unique, runs, strict=True):
        if not run.record.finished:
            ended = counted(len(run.results), "case")
            raise UsageError(
                f"run {run.record.id}: unfinished, {ended} of {len(run.record.cases)} measured; expected a whole run. "
                "Wait until it has ended, or carry it on with `run --resume`."
            )
        inside = f"{folder.parent.name}/{folder.name}" if folder in paired else folder.name
        found.append(Source(run, f"{RUNS}/{inside}", paired.get(folder)))
    names = [source.folder for source in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"two runs are called {twice.removeprefix(f'{RUNS}/')}, expected names that differ.")
    return found


def _in_order(folders: Sequence[Path]) -> list[Path]:
    """Return the folders with those of an interleaved measurement, if all are there, in its order."""
    places: dict[Folder, int] = {folder: place for place, folder in enumerate(folders)}
    for parent in {folder.parent for folder in folders}:
        pairing = read_pairing(parent)
        members = [path.resolve() for path in pairing.folders] if pairing else []
        if members and places.keys() >= set(members):
            places |= dict(zip(members, sorted(places[member] for member in members), strict=True))
    return sorted(folders, key=places.__getitem__)


def _pairing_beside(folder: Path, chosen: Sequence[Path]) -> Path | None:
    """Return the description of the interleaved measurement of a run if all its runs were chosen."""
    pairing = read_pairing(folder.parent)
    members = {path.resolve() for path in pairing.folders} if pairing else set()
    return folder.parent / PAIRING if folder in members and members <= set(chosen) else None


def stage(found: Sequence[Source], folder: Path, *, with_host: bool) -> None:
    """Copy runs into a dossier's folder.

    Args:
        found: the runs.
        folder: of the dossier.
        with_host: whether the host's name is kept.
    """
    provenances = [source.run.record.provenance for source in found]
    private = PrivateFacts(
        () if with_host else [of.host for of in provenances],
        [word for of in provenances for word in (*of.argv, *of.settings)],
    )
    for source in found:
        _copy(source.run, folder / source.folder, private, with_host=with_host)
    for path in {source.pairing for source in found if source.pairing}:
        target = folder / RUNS / path.parent.name / PAIRING
        target.write_bytes(to_json(private.plain(read_json(path))))


def _copy(run: Run, target: Path, private: PrivateFacts, *, with_host: bool) -> None:
    assert run.folder is not None
    for name in TABLES:
        (target / name).mkdir(parents=True)
    record: Any = private.plain(read_json(run.folder / RECORD))
    results: Any = read_json(run.folder / RESULTS)
    if not with_host and "provenance" in record:
        record["provenance"]["host"] = ""
    entries = [_copy_case(run, entry, target, private) for entry in results["results"]]
    ids = {old["case"]["id"]: new["case"]["id"] for old, new in zip(results["results"], entries, strict=True)}
    for planned in record["cases"]:
        planned["id"] = ids.get(planned["id"], planned["id"])
    (target / RECORD).write_bytes(to_json(record))
    (target / RESULTS).write_bytes(to_json({**results, "results": entries}))


def _copy_case(run: Run, entry: dict[str, Any], target: Path, private: PrivateFacts) -> dict[str, Any]:
    """Copy the Parquet files of a case, and return its entry in ``results.json``.

    A case whose fields name a path, such as that of its weights, gets the id that its fields have without the path.
    """
    assert isinstance(run.folder, Path)
    old_id = entry["case"]["id"]
    found: dict[str, Any] = private.plain(entry)
    if found["case"] != entry["case"]:
        found["case"]["id"] = read_as(StoredCase, found["case"], run.folder / RESULTS).case.id
    new_id = found["case"]["id"]
    for name, file in run.files[old_id].items():
        if file is not None:
            found[name] = file.replace(old_id, new_id)
            data = _table(run.folder / file, found["case"], private)
            (target / found[name]).parent.mkdir(parents=True, exist_ok=True)
            (target / found[name]).write_bytes(data)
    return found


def _table(path: Path, case: Mapping[str, Any], private: PrivateFacts) -> bytes | memoryview:
    """Return a Parquet file: as it is, unless its description of the case has something private.

    Raises:
        RunFormatError: it is missing or damaged.
    """
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = path.read_bytes()
        metadata = pq.read_schema(pa.BufferReader(data)).metadata or {}
        stored = orjson.loads(metadata.get(CASE, b"{}"))
        if private.plain(stored) == stored:
            return data
        table = decode(data)
    except (OSError, pa.ArrowException, orjson.JSONDecodeError) as error:
        raise RunFormatError(f"{path}: not readable Parquet ({error}). Restore it, or measure again.") from error
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), [case["id"]])
    table = table.set_column(table.column_names.index(CASE_ID.name), CASE_ID.name, ids)
    return encode(
        table.replace_schema_metadata({**metadata, CASE: orjson.dumps(case), CASE_ID_KEY: str(case["id"]).encode()})
    )
