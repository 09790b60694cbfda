"""The dicts of the native core have the keys that their types promise (for a GPU: test_cuda_reading, test_nvml)."""

from __future__ import annotations

from typing import Any

import pytest

from inference_bench import _native, _native_types
from inference_bench._native import MemorySampler, Pacer, SpanRecorder


def phases() -> list[_native_types.MemoryPhase]:
    with MemorySampler(pss=True) as sampler:
        sampler.mark_phase("only")
    return sampler.phases()


@pytest.mark.parametrize(
    ("described", "promised"),
    [
        (_native.clock_describe, _native_types.ClockDescription),
        (lambda: phases()[0], _native_types.MemoryPhase),
        (lambda: MemorySampler().stats(), _native_types.MemorySamplerStats),
        (lambda: SpanRecorder(1).counts(), _native_types.SpanCounts),
        (lambda: Pacer.gamma(1, 1, shape=1, seed=1).describe(), _native_types.PacerDescription),
        (lambda: _native._frame_response([]), _native_types.HttpFraming),
    ],
)
def test_keys(described: Any, promised: Any) -> None:
    assert described().keys() == promised.__annotations__.keys()


def test_keys_that_a_schedule_may_lack() -> None:
    assert Pacer.trace([0]).describe().keys() == {"kind", "count", "duration_ns"}


def test_keys_of_smaps_rollup() -> None:
    rollup = _native.smaps_rollup()
    if rollup is None:
        pytest.skip("the kernel refuses smaps_rollup")
    assert rollup.keys() == _native_types.SmapsRollup.__annotations__.keys()
