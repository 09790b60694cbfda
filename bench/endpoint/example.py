"""The example server as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
"""A script's own folder stands in for the current one, which has the package."""

_LISTENS = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def example_server(*words: str, cpus: Collection[int] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``examples/serve_fastapi.py`` on a free port; give its process and its address, without a path.

    Args:
        words: options of the example.
        cpus: what it may run on; None for what this process may.

    Raises:
        RuntimeError: it ended before it listened; says what it wrote.
    """
    command = [sys.executable, str(ROOT / "examples" / "serve_fastapi.py"), "--port", "0", *words]
    with pinned(cpus):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
    assert process.stderr is not None
    with process:
        try:
            address = _address(process.stderr)
            drain = threading.Thread(target=process.stderr.read)  # otherwise the pipe would fill up
            drain.start()
            yield process, address
            process.kill()
            drain.join()
        finally:
            process.kill()


@contextmanager
def pinned(cpus: Collection[int] | None) -> Iterator[None]:
    """Let this thread and the processes that it starts run on these CPUs; None changes nothing."""
    before = os.sched_getaffinity(0)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _address(lines: Iterator[str]) -> str:
    said: list[str] = []
    for line in lines:
        said.append(line)
        if found := _LISTENS.search(line):
            return found[1]
    raise RuntimeError(f"the example server did not start: {''.join(said)}")
