"""A small process that starts commands: one JSON request per line of standard input, one JSON reply per line.

The kernel begins a process's peak of memory with that of the process which starts it. This one holds little more than
an interpreter, so that commands of some ten MiB show their own. Imports the standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

_DEFAULT = (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ)
"""Signals that Python, or this process, ignores and a command should not."""
_CHUNK = 1 << 16


def carried_out(request: dict[str, Any]) -> dict[str, Any]:
    """Start a command, wait for it, and return its times, memory and exit code; or why it cannot be started."""
    read, write = os.pipe() if request["output"] == "pipe" else (None, None)
    try:
        actions = _file_actions(request["input"], request["output"], write)
        begin_ns = time.perf_counter_ns()
        try:
            pid = os.posix_spawnp(
                request["words"][0],
                request["words"],
                os.environ,
                file_actions=actions,
                setpgroup=0,
                setsigdef=_DEFAULT,
            )
        except OSError as error:
            return {"error": error.strerror}
        if read is not None and write is not None:
            os.close(write)
            write = None
            while os.read(read, _CHUNK):
                pass
        _, status, usage = os.wait4(pid, 0)
        wall_ns = time.perf_counter_ns() - begin_ns
    finally:
        for descriptor in (read, write):
            if descriptor is not None:
                os.close(descriptor)
    return {
        "wall_ns": wall_ns,
        "user_ns": round(usage.ru_utime * 1e9),
        "system_ns": round(usage.ru_stime * 1e9),
        "peak_rss_bytes": usage.ru_maxrss * 1024,
        "exit_code": os.waitstatus_to_exitcode(status),
    }


def _file_actions(source: str, output: str, write: int | None) -> list[tuple[Any, ...]]:
    """Return what posix_spawn does to standard input, output and error."""
    null = os.devnull
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, null if source == "null" else source, os.O_RDONLY, 0)]
    if output == "inherit":
        return actions
    if write is not None:
        actions.append((os.POSIX_SPAWN_DUP2, write, 1))
    else:
        path = null if output == "null" else output
        actions.append((os.POSIX_SPAWN_OPEN, 1, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
    return [*actions, (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0)]


def main() -> None:
    """Serve requests until standard input ends; Ctrl-C is for the process that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(int(sys.argv[1]), "w", buffering=1) as replies:  # not inheritable: no command gets it
        os.set_inheritable(replies.fileno(), False)
        for line in sys.stdin:
            print(json.dumps(carried_out(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
