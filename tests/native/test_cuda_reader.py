"""The reader thread of the CUDA event timer, forks and exit, against a double of the driver."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inference_bench import _native
from tests.cuda_timing import ILLEGAL_ADDRESS, MS, US, time_work, wait_until
from tests.doubles import Double

# ---- the reader


def test_the_reader_frees_events_while_measuring(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(4, reader=True)
    assert timer.describe()["reader"] is True
    for i in range(100):
        time_work(cuda, timer, 30 * US)
        wait_until(lambda i=i: timer.describe()["read"] > i - 3)
    wait_until(lambda: timer.describe()["read"] == 100)
    assert timer.collect()["id"].tolist() == list(range(100))
    about = timer.describe()
    assert (about["exhausted"], about["capacity"]) == (0, 4)


def test_the_reader_sleeps_without_work_and_wakes_with_it(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(4, reader=True)
    tasks = Path("/proc/self/task")

    def switches() -> str:
        # By its name, which it gives itself once it runs.
        task = next((t for t in tasks.iterdir() if (t / "comm").read_text() == "ib-cuda\n"), None)
        return (
            "" if task is None else (task / "status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]
        )

    def asleep() -> bool:
        before = switches()
        time.sleep(0.02)
        return before != "" and switches() == before

    wait_until(asleep)
    for _ in range(3):
        time_work(cuda, timer, MS)
    wait_until(lambda: timer.describe()["read"] == 3)
    assert min(timer.collect()["gpu_ns"]) >= MS
    wait_until(asleep)


def test_reader_with_sticky_errors_neither_dies_nor_throws(cuda: Double):
    timer = _native.CudaEventTimer(8, reader=True)
    cuda.stick(ILLEGAL_ADDRESS)
    for _ in range(6):
        time_work(cuda, timer, MS)
    assert set(timer.collect()["error"]) == {ILLEGAL_ADDRESS}
    cuda.stick(0)
    assert timer.describe()["reader"] is True


def test_collecting_while_another_thread_measures(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(64, reader=True)
    got: list[int] = []
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            got.extend(timer.collect()["id"])

    thread = threading.Thread(target=collect)
    thread.start()
    for _ in range(2000):
        time_work(cuda, timer, US)
    stop.set()
    thread.join()
    got.extend(timer.collect()["id"])
    assert sorted(got) == sorted(set(got))
    assert len(got) + timer.describe()["exhausted"] == 2000


def test_timers_come_and_go(cuda: Double):
    alive = cuda.events_alive()
    for _ in range(100):
        timer = _native.CudaEventTimer(1, reader=True)
        time_work(cuda, timer, MS)
        del timer
    gc.collect()
    assert cuda.events_alive() == alive


# ---- fork and exit


FORK = """
import warnings; warnings.simplefilter("default")
import ctypes, gc, os, sys
from inference_bench import _native

double = ctypes.CDLL(os.environ["INFERENCE_BENCH_LIBCUDA"])
timer = _native.CudaEventTimer(4, reader=READER)
timer.begin(1)

def refused(call):
    try:
        call()
    except RuntimeError as error:
        return "does not survive a fork" in str(error) and "'spawn'" in str(error)
    return False

pid = os.fork()
if pid == 0:
    before = double.double_all_calls()
    ok = not _native.cuda_available()[0]
    for call in (lambda: timer.begin(1), timer.end, lambda: timer.end(0), timer.collect, timer.describe,
                 _native.CudaEventTimer):
        ok = ok and refused(call)
    del timer, call
    gc.collect()
    ok = ok and double.double_all_calls() == before
    os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
timer.end()
double.double_advance(ctypes.c_int64(10**9))
assert timer.collect()["id"].tolist() == [0]
"""


def in_new_process(code: str, path: Path) -> str:
    environment = {**os.environ, "INFERENCE_BENCH_LIBCUDA": str(path)}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("reader", [False, True])
def test_a_forked_child_is_refused_without_touching_the_driver(cuda: Double, reader: bool):
    in_new_process(FORK.replace("READER", str(reader)), cuda.path)


def test_a_fork_before_any_use_is_no_obstacle(cuda: Double):
    code = """
import os
from inference_bench import _native
assert _native.cuda_available()[0]
pid = os.fork()
if pid == 0:
    _native.CudaEventTimer(4)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
_native.CudaEventTimer(4)
"""
    in_new_process(code, cuda.path)


def test_exit_with_a_reader_at_work(cuda: Double):
    code = """
from inference_bench import _native
timer = _native.CudaEventTimer(4, reader=True)
timer.begin(1)
timer.end()
print("end")
"""
    assert in_new_process(code, cuda.path) == "end\n"


def test_importing_opens_no_library():
    code = """
from inference_bench import _native
maps = open("/proc/self/maps").read()
print("libcuda" in maps or "libnvidia" in maps)
"""
    assert in_new_process(code, Path("/nonexistent.so")) == "False\n"
