"""The probes of a process's memory."""

from __future__ import annotations

import gc

import pytest

from inference_bench import _native
from tests.children import run_in_child
from tests.native.memory_use import BIG, needs_hwm_reset, touch


def test_probes_see_an_allocation():
    before = _native.rss_bytes()
    block = touch()
    assert _native.rss_bytes() >= before + 0.9 * BIG
    assert _native.hwm_bytes() >= before + 0.9 * BIG
    del block


@needs_hwm_reset
def test_resetting_the_high_water_mark_forgets_an_earlier_peak():
    touch()
    gc.collect()
    peak = _native.hwm_bytes()
    assert _native.reset_hwm() is True
    assert _native.hwm_bytes() <= peak - 0.5 * BIG


def test_smaps_rollup_is_complete():
    rollup = _native.smaps_rollup()
    if rollup is None:
        pytest.skip("this kernel has no smaps_rollup")
    assert rollup.keys() == {"rss_bytes", "pss_bytes", "uss_bytes", "swap_bytes"}
    assert 0 < rollup["uss_bytes"] <= rollup["pss_bytes"] <= rollup["rss_bytes"]


def test_a_forked_child_reads_its_own_memory():
    before = _native.rss_bytes()

    def check() -> None:
        # The child's own starting point: it does not inherit its parent's mapped files as resident.
        own = _native.rss_bytes()
        block = touch()
        assert _native.rss_bytes() >= own + 0.5 * BIG
        del block

    assert run_in_child(check) == 0
    assert _native.rss_bytes() < before + 0.5 * BIG
