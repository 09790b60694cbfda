"""The light core, in a fresh environment with the dependencies alone, and ``live`` without any package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import inference_bench._native
from tests.release.core_commands import CHECKS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("core_commands.py")
BUILD_REQUIRES = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
SDIST = {
    *("csrc", "inference_bench", "models"),
    *("CHANGELOG.md", "CMakeLists.txt", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"),
}


def called(*words: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Return a wheel without the native module: the one that is built already is put beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    called(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-C", "wheel.cmake=false", "-w", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Return the interpreter of an environment with the wheel, pytest, and what the two require."""
    folder = tmp_path_factory.mktemp("light")
    called(sys.executable, "-m", "venv", "--without-pip", folder)
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    unpack(wheel, packages)
    for each in required(*distributions(path=[str(packages)]), distribution("pytest")):
        for name in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(each.locate_file(name))
    return folder / "bin" / "python"


def unpack(wheel: Path, packages: Path) -> None:
    """Install a wheel, and the native module that is built already."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    shutil.copy(inference_bench._native.__file__, packages / "inference_bench")


def required(*of: Distribution) -> list[Distribution]:
    """Return these distributions and those of this environment that they require, without extras."""
    found = {canonicalize_name(each.name): each for each in of}
    waiting = list(of)
    while waiting:
        for requirement in map(Requirement, waiting.pop().requires or ()):
            name = canonicalize_name(requirement.name)
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found[name] = distribution(name)
                waiting.append(found[name])
    return list(found.values())


@pytest.mark.parametrize("name", CHECKS)
def test_the_light_core_is_enough_or_names_what_is_not(python, name):
    called(python, SCRIPT, name)


def test_the_light_core_brings_no_framework(python):
    code = "from importlib.metadata import distributions; print(*(each.name.lower() for each in distributions()))"
    installed = set(called(python, "-c", code).split())

    assert {"inference-bench", "orjson"} <= installed
    assert not {"torch", "transformers", "huggingface_hub", "pillow"} & installed


def test_live_is_imported_without_any_package(wheel, tmp_path):
    unpack(wheel, tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from inference_bench.live import Profiler; Profiler('a')"
    )

    called(sys.executable, "-S", "-E", "-c", code, cwd=tmp_path)


def test_the_readme_of_the_wheel_has_absolute_links(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        text = archive.read(name).decode()

    targets = re.findall(r"\]\(([^)#][^)]*)\)", text)
    assert len(targets) > 5
    assert [target for target in targets if not target.startswith("https://")] == []


def test_the_sdist_holds_what_builds_the_package(tmp_path):
    called(
        sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", tmp_path / "tools", *BUILD_REQUIRES
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'tools')!r}); from scikit_build_core.build import build_sdist"
    )
    called(sys.executable, "-c", f"{code}; build_sdist({str(tmp_path)!r})", cwd=ROOT)

    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {name.partition("/")[0] for name in names} == SDIST
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o"))]
