"""A process that ends when its parent does."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from inference_bench import _native


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
