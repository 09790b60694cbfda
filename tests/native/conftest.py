"""Fixtures of the native tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from inference_bench._native import SpanRecorder
from tests.doubles import Double


@pytest.fixture
def recorder() -> Iterator[SpanRecorder]:
    """A span recorder that runs."""
    recorder = SpanRecorder()
    with recorder:
        yield recorder


@pytest.fixture
def cuda(cuda_double: Double, monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """The double, its clock standing still."""
    gc.collect()  # timers of earlier tests
    cuda_double.reset()
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", str(cuda_double.path))
    yield cuda_double
    cuda_double.reset()
