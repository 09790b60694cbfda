"""What CMake says where the core cannot be built, and its presets."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.release.test_light_core import ROOT

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake")


def configured(build: Path, *options: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX")} | {"PATH": path}
    return subprocess.run(
        ["cmake", "-S", ROOT, "-B", build, *options], env=environment, capture_output=True, text=True, check=False
    )


def message(done: subprocess.CompletedProcess[str]) -> str:
    """Return the text of the one error."""
    assert done.returncode == 1 and done.stderr.count("CMake Error") == 1, done.stderr
    return " ".join(done.stderr.partition("(message):")[2].partition("Call Stack")[0].split())


def test_without_a_compiler_the_message_names_the_package(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cmake", "make", "ninja", "sh", "uname"):
        if found := shutil.which(name):
            (tools / name).symlink_to(Path(found).resolve())

    told = message(configured(tmp_path / "build", path=str(tools)))

    assert told.startswith("inference_bench needs a C++17 compiler, and found none: apt install g++")


def test_another_system_is_refused_by_its_name(tmp_path):
    told = message(configured(tmp_path, "-DCMAKE_SYSTEM_NAME=Darwin"))

    assert told == "inference_bench reads clocks and memory from Linux interfaces; Darwin is not supported."


def test_the_presets_can_be_read():
    listed = subprocess.run(["cmake", "--list-presets"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line.split('"')[1] for line in listed.stdout.splitlines() if '"' in line] == [
        "release",
        "debug",
        "asan",
        "tsan",
    ]
