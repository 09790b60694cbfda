"""What the memory sampler sees."""

from __future__ import annotations

import ctypes
import gc

import numpy as np

from inference_bench import _native
from tests.native.memory_use import BIG, needs_hwm_reset, touch, wait_for_samples


def test_sampler_sees_an_allocation_and_its_phase():
    with _native.MemorySampler(interval_ns=1_000_000, budget=1.0) as sampler:
        sampler.mark_phase("before")
        wait_for_samples(sampler)
        sampler.mark_phase("during")
        block = touch()
        wait_for_samples(sampler)
        del block
        sampler.mark_phase("after")
        wait_for_samples(sampler)
    columns = sampler.columns()
    rss, phase = np.asarray(columns["rss_bytes"]), np.asarray(columns["phase"])
    assert sampler.phase_names == ["", "before", "during", "after"]
    assert phase[rss.argmax()] == 2
    assert rss[phase == 2].max() >= rss[phase == 1].min() + 0.9 * BIG
    assert np.all(np.diff(np.asarray(columns["time_ns"])) > 0)
    before, during, after = sampler.phases()
    assert [p["name"] for p in (before, during, after)] == ["before", "during", "after"]
    assert during["sampled_peak_bytes"] >= before["rss_begin_bytes"] + 0.9 * BIG
    assert during["sampled_peak_bytes"] == rss[phase == 2].max()
    assert during["hwm_bytes"] >= before["rss_begin_bytes"] + 0.9 * BIG
    assert before["begin_ns"] <= before["end_ns"] <= during["begin_ns"] <= during["end_ns"] <= after["begin_ns"]
    assert after["rss_end_bytes"] < during["sampled_peak_bytes"]


def test_column_types():
    with _native.MemorySampler() as sampler:
        pass
    columns = sampler.columns()
    formats = {name: column.format for name, column in columns.items()}
    cgroup = {"cgroup_bytes": "q"} if "cgroup_bytes" in columns else {}
    assert formats == {"time_ns": "q", "rss_bytes": "q", **cgroup, "phase": "H", "probe_cost_ns": "q"}
    assert all(column.readonly for column in columns.values())
    assert len({len(column) for column in columns.values()}) == 1
    assert min(columns["rss_bytes"]) > 0
    assert min(columns["probe_cost_ns"]) > 0


def test_columns_outlive_the_sampler():
    sampler = _native.MemorySampler()
    with sampler:
        pass
    rss = sampler.columns()["rss_bytes"]
    expected = rss.tolist()
    del sampler
    gc.collect()
    assert rss.tolist() == expected


def test_time_column_is_on_the_clock():
    begin = _native.now_ns()
    with _native.MemorySampler() as sampler:
        pass
    end = _native.now_ns()
    times = sampler.columns()["time_ns"].tolist()
    assert begin <= times[0] <= times[-1] <= end


def test_an_allocation_under_the_gil_is_seen():
    """PyDLL keeps the GIL for the whole call, as a C operator may: a sampler in Python would see nothing of it."""
    libc = ctypes.PyDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.usleep.argtypes = [ctypes.c_uint]
    with _native.MemorySampler(interval_ns=1_000_000, budget=1.0) as sampler:
        sampler.mark_phase("held")
        block = libc.malloc(BIG)
        libc.memset(block, 1, BIG)
        libc.usleep(200_000)
        samples_during = sampler.stats()["samples"]
        libc.free(block)
    rss = sampler.columns()["rss_bytes"].tolist()
    (phase,) = sampler.phases()
    assert samples_during > 0
    assert phase["hwm_bytes"] >= rss[0] + 0.9 * BIG
    assert max(rss) >= rss[0] + 0.5 * BIG


@needs_hwm_reset
def test_a_peak_too_short_to_sample_is_exact_with_reset_hwm():
    touch(2 * BIG)  # an earlier, higher peak, which must not be taken for this phase's
    gc.collect()
    with _native.MemorySampler(interval_ns=3_600_000_000_000, reset_hwm=True) as sampler:
        sampler.mark_phase("spike")
        touch()
        sampler.mark_phase("quiet")
    spike, quiet = sampler.phases()
    assert spike["hwm_exact"]
    assert quiet["hwm_exact"]
    assert spike["rss_begin_bytes"] + 0.9 * BIG <= spike["hwm_bytes"] <= spike["rss_begin_bytes"] + 1.2 * BIG
    assert spike["sampled_peak_bytes"] < spike["hwm_bytes"]
    assert quiet["hwm_bytes"] < spike["hwm_bytes"] - 0.5 * BIG


@needs_hwm_reset
def test_a_mark_that_someone_else_reset_is_not_called_exact():
    with _native.MemorySampler(reset_hwm=True) as sampler:
        sampler.mark_phase("disturbed")
        _native.reset_hwm()
    assert sampler.phases()[0]["hwm_exact"] is False


def test_pss_is_absent_unless_asked_for():
    with _native.MemorySampler() as sampler:
        sampler.mark_phase("a")
    assert sampler.phases()[0]["pss_bytes"] is None
    with _native.MemorySampler(pss=True) as sampler:
        sampler.mark_phase("a")
    if _native.smaps_rollup() is not None:
        assert sampler.phases()[0]["pss_bytes"] >= sampler.phases()[0]["uss_bytes"] > 0


def test_an_open_phase_has_no_end():
    with _native.MemorySampler() as sampler:
        sampler.mark_phase("open")
        (phase,) = sampler.phases()
        assert (phase["end_ns"], phase["rss_end_bytes"], phase["hwm_bytes"], phase["hwm_exact"]) == (
            None,
            None,
            None,
            False,
        )
        assert phase["sampled_peak_bytes"] > 0
    assert sampler.phases()[0]["end_ns"] is not None


def test_phases_of_one_name_are_separate():
    with _native.MemorySampler() as sampler:
        for _ in range(3):
            sampler.mark_phase("a")
            sampler.mark_phase("b")
    assert [p["name"] for p in sampler.phases()] == ["a", "b"] * 3
    assert sampler.phase_names == ["", "a", "b"]
