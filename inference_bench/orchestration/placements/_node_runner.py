"""What stands on a node of a Ray cluster: it holds the node, and starts the processes of shares there.

Ray gets the source of this class, not its name, so that a node with another version, or without this package, can say
so. It therefore imports only the standard library before a share starts.
"""

from __future__ import annotations

import os
import platform
import signal
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_DIGITS = 12


class NodeRunner:
    """An actor: it occupies the node as long as it lives."""

    def describe(self) -> dict[str, str]:
        """Return the versions that must be the same on all nodes; an empty one is unknown or missing."""
        return versions_here()

    def start(self, request: str) -> None:
        """Start a share in a fresh process."""
        from inference_bench.orchestration.placement.share_process import ShareProcess

        _undo_what_is_inherited()
        before = signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray blocks SIGINT in its threads
        try:
            self._share: Any = ShareProcess(request)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def next_line(self) -> str | None:
        """Return the next event of the share, or None after the last."""
        line: str | None = self._share.next_line()
        return line

    def end(self) -> None:
        """Kill what is left of the share."""
        self._share.end()


def versions_here() -> dict[str, str]:
    """Return the version of Python, and the version and a digest of the code of this package, as far as known."""
    found = {"python": platform.python_version(), "inference_bench": "not installed", "code": ""}
    spec = find_spec("inference_bench")
    if spec is not None and spec.origin is not None:
        found["inference_bench"] = "unknown version"
        with suppress(ModuleNotFoundError):
            found["inference_bench"] = version("inference-bench")
        found["code"] = _digest(Path(spec.origin).parent)
    return found


def _digest(package: Path) -> str:
    """Return a digest of the package's Python files; an installed one has the models in a folder of its own."""
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if not name.startswith("models/"):
            digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_DIGITS]


def _undo_what_is_inherited() -> None:
    """Give this process, and all that it starts, what its user's processes have: Ray runs tasks at niceness 15.

    Without the right to do so they keep it, and the environment of the run warns of it.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    with suppress(OSError):  # Ray has the kernel kill tasks first where memory runs out
        Path("/proc/self/oom_score_adj").write_text("0")
