"""A silent worker that works or waits for a CPU is told from one that hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from inference_bench.orchestration.process_state import Waits
from inference_bench.orchestration.silence import Activity, Silence, starved_s

_LIMIT_S = 8.0


def _look(activities, *, works_silently):
    """Return at which look, from 1, a worker counts as hung, and how long it had been silent; None if it does not."""
    told = iter(activities)
    silence = Silence(_LIMIT_S, works_silently, lambda: next(told))
    silent_s = 0.0
    for number in range(1, len(activities) + 1):
        silent_s += silence.period_s
        if silence.hangs():
            return number, silent_s
    return None


def _asleep(times):
    return [Activity(1.0, {1: Waits(0.5, 7)})] * times


def test_one_that_sleeps_hangs_at_the_limit():
    for works_silently in (False, True):
        assert _look(_asleep(9), works_silently=works_silently) == (2, _LIMIT_S)


def test_one_that_uses_its_cpu_hangs_only_if_it_should_have_sent_something():
    busy = [Activity(0.5 * number, {1: Waits(0.0, number, is_ready=True)}) for number in range(9)]

    assert _look(busy, works_silently=True) is None
    assert _look(busy, works_silently=False) == (2, _LIMIT_S)


@pytest.mark.parametrize("works_silently", [False, True])
def test_one_that_waits_for_a_cpu_does_not_hang(works_silently):
    waited = [Activity(0.0, {1: Waits(3.9 * number, number)}) for number in range(9)]
    never_ran = [Activity(0.0, {1: Waits(0.0, 3, is_ready=True)})] * 9

    assert _look(waited, works_silently=works_silently) is None
    assert _look(never_ran, works_silently=works_silently) is None


def test_the_time_that_it_waited_does_not_count():
    waits_s = [0.0, 2.0, 2.0, 2.0]
    assert _look([Activity(0.0, {1: Waits(s, 9)}) for s in waits_s], works_silently=False) == (3, _LIMIT_S + 2.0)


def test_a_thread_that_began_in_between_counts_and_one_that_ended_does_not():
    before = Activity(0.0, {1: Waits(5.0, 3)})

    assert starved_s(before, Activity(0.0, {2: Waits(1.5, 1)}), 4.0) == 1.5
    assert starved_s(before, Activity(0.0, {}), 4.0) == 0.0
    assert starved_s(before, Activity(0.0, {1: Waits(50.0, 4)}), 4.0) == 4.0


def test_what_the_kernel_tells_of_a_starved_process():
    """Two processes that spin on one CPU, one of them only when it is idle: that one waits."""
    cpu = min(os.sched_getaffinity(0))
    spin = f"import os; os.sched_setaffinity(0, {{{cpu}}})\n"
    idle = spin + "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
    command = "print('there', flush=True)\nwhile True: pass"
    processes = [
        subprocess.Popen([sys.executable, "-c", begin + command], stdout=subprocess.PIPE) for begin in (spin, idle)
    ]
    try:
        for process in processes:
            process.stdout.readline()
        before, began = Activity.of(processes[1].pid), time.monotonic()
        while starved_s(before, after := Activity.of(processes[1].pid), time.monotonic() - began) < 0.2:
            assert after.cpu_s >= before.cpu_s
            time.sleep(0.05)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
