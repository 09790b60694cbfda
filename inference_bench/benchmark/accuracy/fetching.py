"""Fetching in a process of its own: nothing imported there stays here, and it can be seen to be alive."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from inference_bench.benchmark.accuracy.task import Progress


def run_python(arguments: list[str], environment: Mapping[str, str], progress: Progress) -> str | None:
    """Run this Python with arguments; while it works, ``progress`` tells that nobody hangs.

    Returns:
        None where it went well, else in one line why it did not.
    """
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        while True:
            try:
                _, errors = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                progress(0, 1)
    if process.returncode == 0:
        return None
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("ERROR: ")]  # as pip marks its own; warnings may follow
    return (named or lines or [f"exit status {process.returncode}"])[-1].removeprefix("ERROR: ").rstrip(".")
