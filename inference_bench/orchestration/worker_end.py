"""Why a worker has ended, and the last that it wrote."""

from __future__ import annotations

import signal
from pathlib import Path

from inference_bench.result import Status

_TAIL_BYTES = 4096


def end_of(code: int, oom_kills_before: int | None, oom_kills_after: int | None) -> tuple[Status, str]:
    """Return the status of the cases that are lost with a worker, and why it ended.

    Anyone may send SIGKILL: memory ran out only if the kernel has counted it.

    Args:
        code: its exit status, or the negative number of the signal that ended it.
        oom_kills_before: kills for lack of memory when it started (see ``cgroup.oom_kills``).
        oom_kills_after: and when it had ended.
    """
    if code >= 0:
        return Status.CRASHED, f"the worker exited with status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if -code != signal.SIGKILL:
        return Status.CRASHED, f"the worker died of {name}"
    if oom_kills_before is None or oom_kills_after is None:
        return Status.CRASHED, "the worker was killed (SIGKILL); the kernel does not tell whether memory ran out"
    if oom_kills_after > oom_kills_before:
        return Status.OOM, "the kernel killed the worker (SIGKILL): memory ran out"
    return Status.CRASHED, "the worker was killed (SIGKILL), but not by the kernel: it counts no lack of memory"


def tail(log: Path) -> str:
    """Return the end of a log file; empty if it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""
