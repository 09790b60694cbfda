from __future__ import annotations

import gc
import subprocess
import sys

from inference_bench.machine.process_usage import Usage, WindowUsage, thread_times


def test_windows_leave_out_what_happens_between_them():
    windows = WindowUsage()
    assert not windows.total
    for _ in range(2):
        for _ in range(50):
            gc.collect(0)  # the youngest generation: a whole collection of the suite's heap takes half a second
        windows.open()
        for _ in range(3):
            gc.collect(0)
        windows.close()

    total: Usage | None = windows.total
    assert total is not None
    assert 6 <= total.gc_collections < 50
    assert total.wall_ns > 0


def test_counters_that_the_kernel_keeps_are_known_and_grow():
    before = Usage.now()
    sum(range(10**6))
    window = Usage.now().since(before)

    for name in ("busy_ns", "steal_ns", "cpu_pressure_ns", "memory_pressure_ns"):
        value = getattr(window, name)
        assert value is None or value >= 0
    assert window.plus(window).cpu_ns == 2 * window.cpu_ns


def test_threads_of_processes_that_this_one_has_started_are_counted():
    code = "import sys\nfor _ in range(10**7): pass\nprint('done', flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert thread_times()[process.pid].ran_ns > 0
        process.communicate()
    assert process.pid not in thread_times()
