"""Which processes belong to a launcher: the trees of launchers as they are seen on real machines."""

import os

import pytest

from inference_bench.machine.launcher import launcher_of
from inference_bench.machine.processes import Process, processes

SHARE = 900


def table(rows):
    """Pid → parent, group, session, of processes named after their pid."""
    return {pid: Process(str(pid), parent, group, session, 1, 0) for pid, (parent, group, session) in rows.items()}


INIT = {1: (0, 1, 1), 2: (0, 0, 0), 3: (2, 0, 0)}
"""Init, the kernel's thread daemon and one of its threads."""

SHELL = INIT | {100: (1, 100, 100), 200: (100, 200, 200)}
"""A login: sshd, and a shell that leads a session."""

RAY = SHELL | {
    # `ray start` (group 300) has ended: its daemons belong to init.
    301: (1, 300, 200),  # gcs_server
    302: (1, 300, 200),  # raylet
    303: (302, 300, 200),  # dashboard agent
    304: (302, 304, 200),  # idle worker, in a group of its own
    305: (302, 305, 200),  # the worker that started the share
    306: (304, 306, 306),  # what the idle worker runs, in a session of its own
    SHARE: (305, SHARE, 200),
    901: (SHARE, 901, 200),  # the measured process
    902: (901, 902, 902),  # of its engine
    400: (200, 400, 200),  # another job of the same shell
    401: (1, 401, 401),  # a daemon of the machine
}


def test_ray_started_by_hand():
    assert launcher_of(table(RAY), SHARE) == {301, 302, 303, 304, 305, 306}


def test_ray_in_a_container_where_init_leads_the_session():
    container = {1: (0, 1, 1), 10: (1, 1, 1), 11: (1, 1, 1), 12: (11, 1, 1), SHARE: (12, SHARE, 1), 50: (0, 50, 50)}
    assert launcher_of(table(container), SHARE) == {1, 10, 11, 12}


def test_a_step_of_a_batch_system():
    """Its ancestors outside of the session count, the batch system's other jobs do not."""
    slurm = INIT | {
        20: (1, 20, 20),  # slurmd
        21: (20, 21, 21),  # slurmstepd
        22: (21, 22, 22),  # the script
        23: (22, 22, 22),  # a helper that the script started
        SHARE: (22, SHARE, 22),
        30: (20, 30, 30),  # the step of another job
        31: (30, 31, 31),
    }
    assert launcher_of(table(slurm), SHARE) == {20, 21, 22, 23}


def test_a_shell_and_its_job_but_not_its_other_jobs():
    job = SHELL | {500: (200, 500, 200), SHARE: (500, SHARE, 200), 501: (500, 500, 200), 600: (200, 600, 200)}
    assert launcher_of(table(job), SHARE) == {100, 200, 500, 501}


def test_a_session_led_from_outside_of_the_namespace():
    """Such processes have session and group 0, as threads of the kernel have."""
    entered = INIT | {40: (0, 0, 0), 41: (40, 0, 0), SHARE: (41, SHARE, 0)}
    assert launcher_of(table(entered), SHARE) == {40, 41}


def test_a_process_that_has_ended_has_no_launcher():
    assert launcher_of(table(RAY), 12345) == set()


@pytest.mark.parametrize("pid", [os.getpid(), 1], ids=["this process", "init"])
def test_on_this_machine_a_launcher_holds_the_parent_and_never_the_process_itself(pid):
    seen = processes()
    found = launcher_of(seen, pid)
    assert pid not in found
    assert seen[pid].parent in {*found, 0, 1}
