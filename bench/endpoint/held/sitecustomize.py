"""Imported by any Python that has this folder on its path: a thread holds the interpreter 200 ms of each second.

What the event loop of the process was to do in that time comes late, as with a long callback of its own.
"""

import ctypes
import os
import threading
import time

_HOLD_US = 200_000
_EVERY_S = 1.0


def _hold() -> None:
    libc = ctypes.PyDLL(None)  # unlike CDLL, a call of it keeps the GIL
    while True:
        time.sleep(_EVERY_S - _HOLD_US / 1e6)
        libc.usleep(_HOLD_US)


def _start() -> None:
    threading.Thread(target=_hold, daemon=True).start()


if os.environ.get("BENCH_HOLD_INTERPRETER"):
    _start()
    os.register_at_fork(after_in_child=_start)  # threads do not come along
