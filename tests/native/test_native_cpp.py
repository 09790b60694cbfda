"""Build and run the C++ tests of csrc/core, where doctest and CMake are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_core(tmp_path: Path) -> None:
    options = ["-DINFERENCE_BENCH_TESTS=ON", "-DINFERENCE_BENCH_PYTHON=OFF", "-DINFERENCE_BENCH_WERROR=ON"]
    configured = subprocess.run(["cmake", "-S", ROOT, "-B", tmp_path, *options], capture_output=True, text=True)
    if "needs doctest" in configured.stderr:
        pytest.skip("doctest is not installed (apt install doctest-dev)")
    assert configured.returncode == 0, configured.stderr
    built = subprocess.run(["cmake", "--build", tmp_path, "--parallel", "2"], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    ran = subprocess.run([tmp_path / "tests/native/inference_bench_core_tests"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
