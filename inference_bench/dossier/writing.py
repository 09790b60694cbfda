"""Write a dossier: complete at every instant, and the same bytes for the same runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from inference_bench.dossier.derived import derived_files
from inference_bench.dossier.layout import MANIFEST, NOISE, files_in
from inference_bench.dossier.manifest import manifest_of
from inference_bench.dossier.staging import Source, sources, stage
from inference_bench.errors import InvalidValueError
from inference_bench.results.noise_store import noise_file
from inference_bench.results.run import Run, load_run

ZIP = ".zip"
_OTHER_ARCHIVES = frozenset({".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"})

_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip: the first that the format knows."""


def check_target(target: Path) -> None:
    """Refuse a place where no dossier can be written, before anything is read.

    Raises:
        InvalidValueError: it exists, or its folder does not, or it is another kind of archive.
    """
    if target.is_symlink() or target.exists():
        raise InvalidValueError("dossier", str(target), "a name that is free", "Delete it, or choose another name.")
    if target.suffix.lower() in _OTHER_ARCHIVES:
        raise InvalidValueError("dossier", str(target), f"a folder, or a file whose name ends in {ZIP}")
    if not target.parent.is_dir():
        raise InvalidValueError("dossier", str(target), "a place in a folder that exists")


def write_dossier(folders: Sequence[Path], target: Path, *, with_host: bool = False) -> str:
    """Write a dossier of runs, and return the SHA-256 of its manifest, which stands for all of it.

    Args:
        folders: of the runs, the baseline first.
        target: folder, or zip if it ends so.
        with_host: whether the names of the machines are kept.

    Raises:
        InvalidValueError: the target exists or cannot be written.
        RunFormatError: a run cannot be read.
        UsageError: a run is unfinished, or two have one name.
    """
    check_target(target)
    found = sources(folders)
    try:
        with _beside(target) as folder:
            _fill(folder, found, with_host=with_host)
            digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
            (_publish_zip if target.suffix.lower() == ZIP else _publish_folder)(folder, target)
    except OSError as error:
        advice = f"The system says: {error.strerror}."
        raise InvalidValueError("dossier", str(target), "a place that can be written", advice) from error
    return digest


def _fill(folder: Path, found: Sequence[Source], *, with_host: bool) -> None:
    stage(found, folder, with_host=with_host)
    _copy_noise(found[0].run, folder)
    names = [source.folder for source in found]
    for name, data in derived_files(folder, [load_run(folder / name) for name in names]).items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST).write_bytes(manifest_of(folder, names))


def _copy_noise(baseline: Run, folder: Path) -> None:
    """Copy the A/A floors of the baseline's machine, which a comparison uses."""
    path = noise_file(str(baseline.record.environment.get("fingerprint", "unknown")))
    if path is not None and path.is_file():
        shutil.copyfile(path, folder / NOISE)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a new hidden folder in the same file system; what is left of it at the end is deleted."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish_folder(folder: Path, target: Path) -> None:
    for name in files_in(folder):
        _sync(folder / name)
    folder.chmod(0o755)  # a temporary folder is its owner's alone
    target.mkdir()  # fails if it appeared meanwhile
    try:
        os.replace(folder, target)
    except OSError:
        target.rmdir()
        raise


def _publish_zip(folder: Path, target: Path) -> None:
    path = folder / f"{MANIFEST}{ZIP}"
    names = list(files_in(folder))
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix, a plain file
            entry.compress_type = zipfile.ZIP_DEFLATED
            with open(folder / name, "rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
    path.chmod(0o644)
    _sync(path)
    os.link(path, target)  # fails if it appeared meanwhile; the other name goes with the folder
    with suppress(OSError):
        _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
