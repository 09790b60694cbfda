"""What the tests of the CUDA event timer share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference_bench import _native
from tests.doubles import Double

US, MS, S = 1_000, 1_000_000, 1_000_000_000
NO_TIME = -(2**63)
OK, BELOW, FAILED = 0, 1, 2
ILLEGAL_ADDRESS = 700
STREAM = 0x7F00


def rows(columns: dict[str, memoryview]) -> dict[str, list[int]]:
    """Return the columns as lists."""
    return {name: column.tolist() for name, column in columns.items()}


def time_work(cuda: Double, timer: _native.CudaEventTimer, ns: int, stream: int = STREAM, calls: int = 1) -> int:
    """Time a launch of ``ns`` and return the interval's id."""
    interval = timer.begin(stream, calls)
    cuda.launch(stream, ns)
    timer.end(interval)
    return interval


def wait_until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail after 30 s."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``path`` the CUDA driver of this test."""
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", str(path))
