"""Run this Python in a process of its own: what is imported there stays there, and a hang can be cut off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

_TICK_S = 1.0


def run_python(
    *arguments: str,
    text: str = "",
    environment: Mapping[str, str] | None = None,
    tick: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``sys.executable`` with these arguments and return its exit status, standard output and standard error.

    Args:
        arguments: such as ``-m`` and a module.
        text: its standard input.
        environment: its environment variables; None for those of this process.
        tick: called about once a second while it runs.
    """
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace", env=environment
    ) as process:
        try:
            out, errors = _communicate(process, text, tick)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def _communicate(process: subprocess.Popen[str], text: str, tick: Callable[[], None] | None) -> tuple[str, str]:
    """Return standard output and standard error once the process has ended."""
    if tick is None:
        return process.communicate(text)
    given: str | None = text
    while True:
        try:
            return process.communicate(given, timeout=_TICK_S)
        except subprocess.TimeoutExpired:
            given = None  # all of it is on its way
            tick()


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of standard error that says why a process failed, or its exit status if it wrote none.

    That is the last line, or the last that pip marked with ``ERROR:``: warnings may follow that one.
    """
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or [f"exit status {done.returncode}"])[-1].removeprefix("ERROR: ").rstrip(".")
