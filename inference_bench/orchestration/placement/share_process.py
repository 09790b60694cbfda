"""The fresh process that carries out a share, seen from the node: a clean environment in, lines of JSON out.

A node imports this module and no more of this package before the process starts.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from inference_bench.machine.process_tree import ProcessTree
from inference_bench.machine.subprocesses import PYTHON, package_environment

MODULE = "inference_bench.orchestration.placement.share_main"
EXIT = "exit"
"""Event of the last line: the process has ended."""

_SET_BY_LAUNCHERS = ("RAY_", "SLURM_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "VECLIB_")
"""Beginnings of variables that a launcher sets for its own tasks; none of them may reach a measurement."""
_ALSO_SET = ("CUDA_VISIBLE_DEVICES", "SPT_NOENV", "PYTHONBREAKPOINT", "PYTHONUNBUFFERED", "PYTHONHASHSEED")
_LAST = 2_000


def clean_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a share: without what launchers set (Ray: ``OMP_NUM_THREADS`` = CPUs of the task)."""
    return {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_SET_BY_LAUNCHERS) and name not in _ALSO_SET
    }


class ShareProcess:
    """A share in a fresh process, which ends with all that it starts by ``end``, and with the process that runs this.

    Args:
        request: a ``ShareRequest`` as JSON.
    """

    def __init__(self, request: str) -> None:
        self._tree = tree = ProcessTree()
        self._said = ""
        tree.begin()
        environment = tree.environment(package_environment(clean_environment(os.environ)))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*PYTHON, "-m", MODULE],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            process_group=0,
        )
        tree.begin(self._process.pid)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(request)

    def next_line(self) -> str | None:
        """Wait for the next event and return it as a line of JSON: ``exit`` last, then None.

        Other output of the process is kept for what ``exit`` says.
        """
        stdout = self._process.stdout
        assert stdout is not None
        while not stdout.closed:
            line = stdout.readline()
            if line.startswith('{"event"') and line.endswith("\n"):  # not the beginning of one that was cut off
                return line.rstrip("\n")
            if not line:
                stdout.close()
                return json.dumps({"event": EXIT, "code": self._process.wait(), "said": self._said})
            self._said = (self._said + line)[-_LAST:]
        return None

    def end(self) -> None:
        """Kill what is left of it."""
        self._tree.end(self._process.pid)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
