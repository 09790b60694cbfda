"""Open a dossier: a folder as it is, a zip unpacked into a temporary folder, once all names are in order."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zlib import error as ZlibError  # noqa: N812 (the name of an exception)

from inference_bench.dossier.layout import MANIFEST, DossierError
from inference_bench.dossier.manifest import Manifest, check_files, check_name, read_manifest
from inference_bench.errors import RunFormatError

MOST_FILES = 100_000
MOST_BYTES = 8 << 30
"""Largest dossier that is unpacked; also never more than the free space."""

_LARGEST_MANIFEST = 64 << 20
_BLOCK = 1 << 20
_ENCRYPTED = 0x1


@contextmanager
def opened(place: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield a dossier's folder and its manifest, after every file was compared with it.

    Args:
        place: a folder, or a zip.

    Raises:
        RunFormatError: no dossier, or one that is not safe to unpack.
        DossierError: a file is not the one that the manifest names.
    """
    if place.is_dir():
        yield place, _checked(place, place)
    elif place.is_file():
        with tempfile.TemporaryDirectory(prefix="dossier-") as folder:
            _unpack(place, Path(folder))
            yield Path(folder), _checked(Path(folder), place)
    else:
        raise RunFormatError(f"{place}: no such folder or zip; expected a dossier that `report --dossier` wrote.")


def _checked(folder: Path, place: Path) -> Manifest:
    manifest = read_manifest(folder / MANIFEST, place)
    check_files(folder, manifest, place)
    return manifest


def _unpack(place: Path, folder: Path) -> None:
    """Unpack a zip whose names, kinds and sizes are all in order.

    Sizes are counted while a file is unpacked: what the zip says of itself is not believed.
    """
    try:
        with zipfile.ZipFile(place) as archive:
            members = _members(archive, place)
            left = min(MOST_BYTES, shutil.disk_usage(folder).free // 2)
            for name, member in members.items():
                limit = min(left, _LARGEST_MANIFEST) if name == MANIFEST else left
                left -= _write(archive, member, folder / name, limit, place)
    except (zipfile.BadZipFile, EOFError, ZlibError, NotImplementedError, UnicodeError, ValueError) as error:
        raise DossierError(f"{place}: not a whole zip ({error}). Ask for the dossier again.") from None
    except OSError as error:
        raise RunFormatError(f"{place}: cannot be unpacked: {error.strerror}.") from error


def _members(archive: zipfile.ZipFile, place: Path) -> Mapping[str, zipfile.ZipInfo]:
    """Return the files by their names in the dossier; a single folder around all of them is left out.

    Raises:
        RunFormatError: a name that leaves the folder or occurs twice, a link, a file with a password, or too many.
    """
    listed = archive.infolist()
    if len(listed) > MOST_FILES:
        raise RunFormatError(f"{place}: {len(listed):,} files, expected up to {MOST_FILES:,}.")
    files = [member for member in listed if not member.filename.endswith("/")]
    for member in listed:
        check_name(member.filename.removesuffix("/"), place)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or member.flag_bits & _ENCRYPTED:
            raise RunFormatError(
                f"{place}: {member.filename!r} is a link, a device or encrypted, expected plain files."
            )
    roots = {member.filename.partition("/")[0] for member in files}
    root = f"{next(iter(roots))}/" if len(roots) == 1 and not archive.NameToInfo.get(MANIFEST) else ""
    found = {member.filename.removeprefix(root): member for member in files}
    if len(found) < len(files):
        raise RunFormatError(f"{place}: a name occurs twice, expected each file once.")
    if MANIFEST not in found:
        raise RunFormatError(f"{place}: no {MANIFEST} in it, expected a dossier that `report --dossier` wrote.")
    return found


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, limit: int, place: Path) -> int:
    """Unpack a file of at most ``limit`` bytes and return its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(member) as source, open(path, "xb") as target:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise RunFormatError(f"{place}: larger than {limit:,} bytes when unpacked; it was not unpacked.")
            target.write(block)
    return size
