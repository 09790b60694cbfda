"""Children of a test: a fork of this process, or another Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable


def run_in_child(check: Callable[[], object]) -> int:
    """Fork, run ``check`` in the child, and return its exit status; a child that hangs is killed by SIGALRM."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``code``, dedented, in another Python and return what it wrote."""
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )
