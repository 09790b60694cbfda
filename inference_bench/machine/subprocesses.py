"""Run this Python in a process of its own: what is imported there stays there, and a hang can be cut off.

Such a process imports nothing from the current folder, and ends, with all that it starts, when this one does.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from inference_bench.machine.interruption import check_interruption, is_interruptible
from inference_bench.machine.process_tree import ProcessTree

_TICK_S = 1.0
_LOOK_S = 0.1
"""How late an interruption may end the process."""

PYTHON = (sys.executable, "-P")
"""The command of a Python that does not import from the current folder."""


def package_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return ``base`` with this package's folder on ``PYTHONPATH``, unless a Python finds the package without it."""
    home = str(Path(__file__).parents[2])
    if home in {*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")}:
        return dict(base)
    inherited = base.get("PYTHONPATH")
    return {**base, "PYTHONPATH": os.pathsep.join([home, inherited] if inherited else [home])}


def run_python(
    *arguments: str,
    text: str = "",
    environment: Mapping[str, str] | None = None,
    tick: Callable[[], None] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``sys.executable`` with these arguments and return its exit status, standard output and standard error.

    Args:
        arguments: such as ``-m`` and a module.
        text: its standard input.
        environment: its environment variables; None for those of this process.
        tick: called about once a second while it runs.
        timeout_s: it is killed after this long.

    Raises:
        InterruptedWorkError: the work was interrupted, and the process killed.
        subprocess.TimeoutExpired: it took longer than ``timeout_s``, and was killed.
    """
    command = [*PYTHON, *arguments]
    tree = ProcessTree()
    tree.begin()
    pipe = subprocess.PIPE
    process = None
    try:
        with subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",
            env=tree.environment(package_environment(os.environ if environment is None else environment)),
            process_group=0,
        ) as process:
            try:
                tree.begin(process.pid)
                out, errors = _communicate(process, text, tick, timeout_s)
            except BaseException:
                process.kill()
                tree.end(process.pid)  # what it has started holds its pipes open
                raise
    finally:
        tree.end(process.pid if process is not None else None)
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def _communicate(
    process: subprocess.Popen[str], text: str, tick: Callable[[], None] | None, timeout_s: float | None
) -> tuple[str, str]:
    """Return standard output and standard error once the process has ended."""
    began = ticked = time.monotonic()
    given: str | None = text
    look_s = _LOOK_S if is_interruptible() else _TICK_S if tick is not None else timeout_s
    while True:
        try:
            return process.communicate(given, timeout=look_s)
        except subprocess.TimeoutExpired:
            given = None  # all of it is on its way
        check_interruption()
        now = time.monotonic()
        if timeout_s is not None and now - began >= timeout_s:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        if tick is not None and now - ticked >= _TICK_S:
            ticked = now
            tick()


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of standard error that says why a process failed, or its exit status if it wrote none.

    That is the last line, or the last that pip marked with ``ERROR:``: warnings may follow that one. Where pip marks
    only ``Exception:``, a traceback follows, whose last line says why.
    """
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    return (errors or lines or [f"exit status {done.returncode}"])[-1].removeprefix("ERROR: ").rstrip(".")
