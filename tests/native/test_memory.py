from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from inference_bench import _native
from tests.children import run_in_child

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


# ---- probes


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


# ---- samples


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


# ---- life


def test_start_and_stop_a_thousand_times():
    sampler = _native.MemorySampler(interval_ns=3_600_000_000_000)
    for _ in range(1_000):
        sampler.start()
        sampler.stop()
    assert not sampler.running
    assert sampler.stats()["samples"] == 2_000  # one as it starts, one as it stops, though the interval is an hour


def test_several_at_once():
    samplers = [_native.MemorySampler(interval_ns=1_000_000) for _ in range(8)]
    for sampler in samplers:
        sampler.start()
    for sampler in samplers:
        wait_for_samples(sampler)
        sampler.stop()
    assert all(len(s.columns()["rss_bytes"]) == s.stats()["samples"] >= 2 for s in samplers)


def test_threads_may_share_one():
    sampler = _native.MemorySampler(interval_ns=100_000, budget=1.0)
    errors = []

    def use() -> None:
        try:
            for _ in range(100):
                sampler.mark_phase("shared")
                sampler.columns()
                sampler.phases()
                sampler.stats()
        except BaseException as error:
            errors.append(error)

    with sampler:
        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(sampler.phases()) == 400


def test_full_columns_drop_and_count():
    sampler = _native.MemorySampler(capacity=3)
    for _ in range(4):
        sampler.start()
        sampler.stop()
    stats = sampler.stats()
    assert len(sampler.columns()["rss_bytes"]) == 3
    assert stats["dropped"] == stats["samples"] - 3 > 0


def test_the_budget_lengthens_the_interval():
    with _native.MemorySampler(interval_ns=100_000, budget=1e-4) as sampler:
        while sampler.stats()["lengthened"] == 0:
            time.sleep(0.01)
    stats = sampler.stats()
    assert stats["interval_ns"] == 100_000
    assert stats["present_interval_ns"] == 100_000 * 2 ** stats["lengthened"]
    assert stats["duty"] > 0


def test_a_forked_child_sees_it_stopped_and_may_start_it_again():
    sampler = _native.MemorySampler(interval_ns=1_000_000)

    def check() -> None:
        assert not sampler.running
        (phase,) = sampler.phases()
        assert phase["end_ns"] is not None
        assert phase["rss_end_bytes"] is None
        sampler.stop()
        with pytest.raises(RuntimeError, match="not running"):
            sampler.mark_phase("child")
        before = _native.rss_bytes()
        with sampler:
            sampler.mark_phase("child")
            block = touch()
            wait_for_samples(sampler)
        assert sampler.phases()[-1]["sampled_peak_bytes"] >= before + 0.5 * BIG
        del block

    with sampler:
        sampler.mark_phase("parent")
        wait_for_samples(sampler)
        assert run_in_child(check) == 0
        assert sampler.running
        wait_for_samples(sampler)
    assert [p["name"] for p in sampler.phases()] == ["parent"]


def test_forks_while_other_threads_use_samplers_do_not_deadlock():
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            with _native.MemorySampler(interval_ns=100_000) as sampler:
                sampler.mark_phase("x")
                _native.clock_recalibrate()

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()

    def check() -> None:
        with _native.MemorySampler() as sampler:
            sampler.mark_phase("child")
        _native.now_ns()

    try:
        assert [run_in_child(check) for _ in range(20)] == [0] * 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_interpreter_may_exit_while_it_runs():
    code = "from inference_bench import _native; s = _native.MemorySampler(interval_ns=100_000); s.start()"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_signals_reach_python_and_not_the_sampler():
    got = []
    previous = signal.signal(
        signal.SIGUSR1, lambda *_: got.append(threading.current_thread() is threading.main_thread())
    )
    try:
        with _native.MemorySampler(interval_ns=100_000):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert got == [True]


# ---- refusals


def test_starting_twice_is_an_error_and_stopping_twice_is_not():
    sampler = _native.MemorySampler()
    sampler.stop()
    with sampler:
        assert sampler.running
        with pytest.raises(RuntimeError, match="running already"):
            sampler.start()
    sampler.stop()
    assert not sampler.running
    sampler.start()
    sampler.stop()
    assert sampler.stats()["samples"] >= 4


def test_a_phase_needs_a_running_sampler():
    with pytest.raises(RuntimeError, match=r"'load'.*not running"):
        _native.MemorySampler().mark_phase("load")


def test_an_exception_passes_through_and_stops_it():
    sampler = _native.MemorySampler()
    with pytest.raises(KeyError), sampler:
        raise KeyError
    assert not sampler.running


def test_an_unused_sampler_is_empty():
    sampler = _native.MemorySampler()
    assert sampler.columns()["time_ns"].tolist() == []
    assert sampler.phases() == []
    assert sampler.stats()["samples"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval_ns": 99_999}, "interval_ns must be from 100000 to 3600000000000; given 99999"),
        ({"interval_ns": -1}, "interval_ns must be"),
        ({"capacity": 0}, "capacity must be from 1 to 268435456 samples; given 0"),
        ({"capacity": 2**40}, "capacity must be"),
        ({"budget": 0.0}, "budget must be above 0 and at most 1 core; given 0.0"),
        ({"budget": float("nan")}, "budget must be"),
        ({"budget": 1.5}, "budget must be"),
    ],
)
def test_options_out_of_range_say_what_is_allowed(options: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        _native.MemorySampler(**options)


def test_options_of_the_wrong_type():
    with pytest.raises(TypeError):
        _native.MemorySampler(interval_ns="10ms")


def test_an_empty_phase_name_is_refused():
    with _native.MemorySampler() as sampler, pytest.raises(ValueError, match="must not be empty"):
        sampler.mark_phase("")


# ---- die_with_parent


def test_die_with_parent_kills_the_child():
    grandchild = """
import time
from inference_bench import _native
_native.die_with_parent()
print("armed", flush=True)
time.sleep(600)
"""
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {grandchild!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", parent], capture_output=True, text=True, check=True, timeout=60
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and alive(pid):
        time.sleep(0.01)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_die_with_parent_refuses_what_is_no_signal():
    with pytest.raises(OSError):
        _native.die_with_parent(9_999)
