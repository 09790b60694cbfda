"""The manifest of a dossier: every file with its digest and size, and the versions that wrote them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TypedDict

from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.dossier.layout import MANIFEST, RUNS, DossierError, files_in
from inference_bench.errors import RunFormatError
from inference_bench.provenance.reading import describe_tool
from inference_bench.result import SCHEMA_VERSION
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.serialization import to_json
from inference_bench.units import counted

VERSION = 1

_BLOCK = 1 << 20
_ADVICE = "Ask for the dossier again."


class FileEntry(TypedDict):
    """One file; the path is relative and has slashes."""

    path: str
    sha256: str
    bytes: int


class Manifest(TypedDict):
    """``MANIFEST.json``; ``runs`` are the folders of the runs, in the order in which they are compared."""

    dossier_version: int
    tool: Mapping[str, str]
    schema_version: int
    rules_version: int
    runs: Sequence[str]
    files: Sequence[FileEntry]


def this_tool() -> dict[str, str]:
    """Return the version and the commit of this package; the commit is empty if unknown."""
    code = describe_tool()
    return {"name": "inference_bench", "version": version("inference-bench"), "commit": code.commit if code else ""}


def manifest_of(folder: Path, runs: Sequence[str]) -> bytes:
    """Return the manifest of the files in a folder.

    Args:
        folder: all files of the dossier but the manifest.
        runs: folders of the runs, relative.
    """
    files = [
        FileEntry(path=name, sha256=digest_of(folder / name), bytes=(folder / name).stat().st_size)
        for name in files_in(folder)
        if name != MANIFEST
    ]
    return to_json(
        Manifest(
            dossier_version=VERSION,
            tool=this_tool(),
            schema_version=SCHEMA_VERSION,
            rules_version=RULES_VERSION,
            runs=list(runs),
            files=files,
        )
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def read_manifest(path: Path, place: object) -> Manifest:
    """Return a manifest whose names all lie inside of the dossier.

    Args:
        path: of the manifest.
        place: the dossier, for messages.

    Raises:
        RunFormatError: damaged, from a newer version, or with a name that leaves the dossier.
    """
    if not path.is_file():
        raise RunFormatError(f"{place}: no {MANIFEST} in it, expected a dossier that `report --dossier` wrote.")
    found = read_as(Manifest, read_json(path, _ADVICE), f"{place}: {MANIFEST}", _ADVICE)
    if found["dossier_version"] > VERSION:
        raise RunFormatError(
            f"{place}: dossier version {found['dossier_version']}, but this inference_bench reads up to {VERSION}. "
            "Upgrade it."
        )
    for name in (*found["runs"], *(file["path"] for file in found["files"])):
        check_name(name, place)
    outside = [name for name in found["runs"] if PurePosixPath(name).parts[0] != RUNS]
    if outside or not found["runs"]:
        given = outside[0] if outside else "no run"
        raise RunFormatError(f"{place}: {MANIFEST}: got {given!r}, expected a folder in {RUNS}/. {_ADVICE}")
    return found


def check_name(name: str, place: object) -> None:
    """Refuse the name of a file that leaves the dossier, or that systems read in different ways.

    Raises:
        RunFormatError: an absolute or empty name, one with ``..``, a backslash, a drive or a control character.
    """
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or "\\" in name or parts[0].endswith(":") or not name.isprintable():
        raise RunFormatError(f"{place}: {name[:80]!r}: expected the name of a file inside of the dossier. {_ADVICE}")


def check_files(folder: Path, manifest: Manifest, place: object) -> None:
    """Refuse files that are not those of the manifest.

    Args:
        folder: the dossier.
        manifest: of it.
        place: the dossier, for messages.

    Raises:
        DossierError: a file that has changed, is missing, or was added.
    """
    listed = {file["path"]: file for file in manifest["files"]}
    there = set(files_in(folder)) - {MANIFEST}
    wrong = [f"{name!r} is missing" for name in listed if name not in there]
    wrong += [f"{name!r} is not in {MANIFEST}" for name in sorted(there - set(listed))]
    for name, file in listed.items():
        if name in there:
            size, digest = (folder / name).stat().st_size, digest_of(folder / name)
            if size != file["bytes"]:
                wrong.append(f"{name!r} has changed: {size:,} bytes, expected {file['bytes']:,}")
            elif digest != file["sha256"]:
                wrong.append(f"{name!r} has changed: SHA-256 {digest[:12]}…, expected {file['sha256'][:12]}…")
    if wrong:
        more = f" (and {counted(len(wrong) - 1, 'more file')})" if len(wrong) > 1 else ""
        raise DossierError(f"{place}: {wrong[0]}{more}. {_ADVICE}")
