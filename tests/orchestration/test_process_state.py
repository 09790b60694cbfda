from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

from inference_bench.orchestration.process_state import cpu_s, thread_states, threads_of


def test_the_threads_of_this_process():
    before = len(threads_of(os.getpid()))
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    assert len(threads_of(os.getpid())) == before + 1
    release.set()
    thread.join()

    assert "R" in thread_states(os.getpid())


def test_a_stopped_process_and_one_that_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    while cpu_s(child.pid) == 0:
        time.sleep(0.01)
    child.send_signal(signal.SIGSTOP)
    while thread_states(child.pid) != {"T"}:
        time.sleep(0.01)
    child.kill()
    child.wait()

    assert (threads_of(child.pid), thread_states(child.pid), cpu_s(child.pid)) == ([], set(), 0.0)
