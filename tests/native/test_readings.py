from __future__ import annotations

import mmap
import os
import threading
import time

import pytest

from inference_bench._native import SystemCounters, ThreadCounters, ThreadReading

PERF_ONLY = {"instructions", "cycles", "cache_misses", "task_clock_ns"}


def delta_of(work: object, *, perf: bool = False) -> ThreadReading:
    counters = ThreadCounters(perf=perf)
    before = counters.read()
    work()  # type: ignore[operator]
    return counters.read() - before


def spin(seconds: float = 0.02) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def touch_pages(n: int = 64) -> None:
    with mmap.mmap(-1, n * mmap.PAGESIZE) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for i in range(n):
            memory[i * mmap.PAGESIZE] = 1


def test_cpu_time_is_the_threads_own() -> None:
    spinner = threading.Thread(target=spin)

    def wait() -> None:
        spinner.start()
        spinner.join()

    assert (delta_of(spin).cpu_time_ns or 0) >= 20_000_000
    assert (delta_of(wait).cpu_time_ns or 0) < 15_000_000


def test_waiting_is_a_voluntary_switch() -> None:
    assert (delta_of(lambda: [time.sleep(0.001) for _ in range(5)]).voluntary_switches or 0) >= 5


def test_each_first_touch_of_a_page_is_a_fault() -> None:
    assert (delta_of(lambda: touch_pages(64)).minor_faults or 0) >= 64


@pytest.mark.skipif(ThreadCounters().read().cpu_migrations is None, reason="this kernel does not count migrations")
@pytest.mark.parametrize("perf", [False, True])
def test_moving_between_cores_is_counted(perf: bool) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("one core")
    first, second = sorted(allowed)[:2]

    def move() -> None:
        for core in (first, second, first, second):
            os.sched_setaffinity(0, {core})

    try:
        assert (delta_of(move, perf=perf).cpu_migrations or 0) >= 3
    finally:
        os.sched_setaffinity(0, allowed)


def test_what_is_absent_is_none_and_says_why() -> None:
    for perf in (False, True):
        counters = ThreadCounters(perf=perf)
        reading = counters.read().as_dict()
        absent = {name for name, value in reading.items() if value is None}
        assert absent <= set(counters.limits)
        assert all(value is None or value >= 0 for value in reading.values())
    assert set(ThreadCounters().limits) >= PERF_ONLY
    assert ThreadCounters().limits["cycles"] == "perf was not asked for"


def test_a_difference_is_field_by_field_and_absent_stays_absent() -> None:
    counters = ThreadCounters()
    first, second = counters.read(), counters.read()
    between = (second - first).as_dict()
    for name, value in between.items():
        a, b = first.as_dict()[name], second.as_dict()[name]
        assert value == (None if a is None or b is None else b - a)
    assert between["time_ns"] > 0
    with pytest.raises(TypeError):
        first - 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        SystemCounters().read() - first  # type: ignore[operator]


def test_another_thread_may_not_read() -> None:
    counters = ThreadCounters()
    errors: list[str] = []

    def read() -> None:
        try:
            counters.read()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert errors == [
        f"these counters belong to thread {threading.get_native_id()}; "
        "make others on the thread, or in the forked child, that reads them"
    ]


def test_a_forked_child_must_make_its_own() -> None:
    counters, system = ThreadCounters(perf=True), SystemCounters()
    pid = os.fork()
    if pid == 0:
        try:
            counters.read()
        except RuntimeError:
            own = ThreadCounters().read()
            fresh = own.cpu_time_ns is not None and system.read().time_ns > 0
            os._exit(0 if fresh else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_descriptors_are_given_back() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    kept = [ThreadCounters(perf=True), SystemCounters()]
    assert open_files() > before
    for _ in range(500):
        ThreadCounters(perf=True)
        SystemCounters()
    kept.clear()
    assert open_files() == before


def test_the_system_never_counts_backwards() -> None:
    counters = SystemCounters()
    before = counters.read()
    between = before - before
    # The kernel books whole ticks, and on a busy machine this process may not get one in a while.
    while between.time_ns < 30_000_000 or (between.user_ns == 0 and between.time_ns < 10_000_000_000):
        spin(0.03)
        between = counters.read() - before
    assert between.user_ns is None or between.user_ns > 0
    for name in ("steal_ns", "cpu_some_pressure_ns", "memory_some_pressure_ns", "io_some_pressure_ns"):
        value = getattr(between, name)
        assert value is None or value >= 0
