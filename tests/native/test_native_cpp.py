"""Build and run the C++ tests of csrc/core, where doctest and CMake are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "core_tests"
"""Kept, so that only what has changed is compiled again."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_core() -> None:
    options = ["-DINFERENCE_BENCH_TESTS=ON", "-DINFERENCE_BENCH_PYTHON=OFF", "-DINFERENCE_BENCH_WERROR=ON"]
    configured = subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, *options], capture_output=True, text=True)
    if "needs doctest" in configured.stderr:
        pytest.skip("doctest is not installed (apt install doctest-dev)")
    assert configured.returncode == 0, configured.stderr
    built = subprocess.run(["cmake", "--build", BUILD, "--parallel", "2"], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    ran = subprocess.run([BUILD / "tests/native/inference_bench_core_tests"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
