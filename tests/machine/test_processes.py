import os
import subprocess
import sys

from inference_bench.machine.processes import NS_PER_TICK, Process, parsed, processes, used_ns


def process(name="x", cpu_ns=0, started_ticks=1):
    return Process(name, 1, 1, 1, started_ticks, cpu_ns)


def test_this_process_is_listed_as_the_kernel_knows_it():
    mine = processes()[os.getpid()]
    assert (mine.parent, mine.group, mine.session) == (os.getppid(), os.getpgrp(), os.getsid(0))
    times = os.times()
    assert mine.cpu_ns <= (times.user + times.system) * 1e9 + 2 * NS_PER_TICK


def test_a_name_with_parentheses_and_spaces():
    stat = "7 (a ) b (c) S 5 6 4 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 99 0 0"
    assert parsed(stat) == Process("a ) b (c", 5, 6, 4, 99, 42 * NS_PER_TICK)


def test_what_a_process_uses_is_seen():
    code = "for _ in range(10**7): pass\nprint('done', flush=True)\ninput()"
    command = [sys.executable, "-c", code]
    before = processes()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as spins:
        assert spins.stdout is not None
        spins.stdout.readline()
        pid = spins.pid
        after = processes()
        spins.communicate(b"\n")
    assert used_ns({}, {pid: after[pid]}).total() == used_ns(before, {pid: after[pid]}).total() > 0
    assert pid not in processes()


def test_uses_are_summed_by_name_and_those_of_another_process_with_the_same_pid_are_not_subtracted():
    before = {1: process("gcs", 70), 2: process("idle", 10), 3: process("idle", 5, started_ticks=1)}
    after = {1: process("gcs", 100), 2: process("idle", 30), 3: process("idle", 4, started_ticks=2)}
    assert used_ns(before, after) == {"gcs": 30, "idle": 24}
    assert used_ns(before, {4: process("new", 8)}) == {"new": 8}
