"""Memory that a test uses so that the native probes have something to see."""

from __future__ import annotations

import time

import numpy as np
import pytest

from inference_bench import _native

MIB = 1 << 20
BIG = 200 * MIB
needs_hwm_reset = pytest.mark.skipif(not _native.reset_hwm(), reason="/proc/self/clear_refs is not writable here")


def touch(size: int = BIG) -> np.ndarray:
    return np.ones(size, dtype=np.uint8)


def wait_for_samples(sampler: _native.MemorySampler, more: int = 2) -> None:
    """Return once `more` samples have been begun and ended since the call."""
    goal = sampler.stats()["samples"] + more
    while sampler.stats()["samples"] < goal:
        time.sleep(0.001)
