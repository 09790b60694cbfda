"""The load of this machine, with a process beside us that computes."""

from __future__ import annotations

import subprocess
import sys

from inference_bench.analysis.machine_load import disturbances
from inference_bench.orchestration.load_watch import _usage, present_load


def test_a_process_beside_us_is_load():
    spin = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen((sys.executable, "-c", spin), stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        load = present_load()
        other.kill()

    assert load.others_cpus is not None
    assert load.others_cpus > 0.1
    assert "other processes used" in disturbances(load)[0]


def test_the_time_of_a_process_that_was_waited_for_is_our_own():
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    before = _usage()
    subprocess.run((sys.executable, "-c", spin), check=True)

    assert _usage().since(before).cpu_ns >= 300_000_000
