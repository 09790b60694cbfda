"""The other end of the process of an engine's scheduler."""

from __future__ import annotations

import os
import signal
import subprocess
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from inference_bench.errors import EngineError
from inference_bench.machine.subprocesses import PYTHON, package_environment
from inference_bench.model.engine.serving.scheduler import READY

if TYPE_CHECKING:
    from inference_bench.model.engine.serving.scheduler import Recipe

_MODULE = "inference_bench.model.engine.serving.process"
_GRACE_S = 5.0
"""Time in which the process ends by itself: after the step that it is in."""


class Child:
    """A running process with an open scheduler.

    Args:
        title: of the engine, for errors.
        recipe: opens the scheduler there.

    Attributes:
        channel: takes orders; gives the tokens of each step, or an ``EngineError``.

    Raises:
        EngineError: the scheduler cannot be opened.
    """

    def __init__(self, title: str, recipe: Recipe) -> None:
        self._title = title
        ours, theirs = Pipe()
        self.channel: Any = ours
        with theirs:
            self.process = subprocess.Popen(
                [*PYTHON, "-m", _MODULE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=package_environment(os.environ),
                pass_fds=(theirs.fileno(),),
            )
        try:
            self._open(recipe)
        except BaseException:
            self.close()
            raise

    def named(self, error: EngineError) -> EngineError:
        """Return what the process said, with the name of the engine."""
        return EngineError(f"{self._title} failed while it served: {error}")

    def ended(self) -> EngineError:
        """Return that the process has ended, and how."""
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return EngineError(f"{self._title}: its process has closed its channel, but still runs")
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        return EngineError(
            f"{self._title}: the process of its scheduler ended {how}; the worker's log has what it wrote"
        )

    def close(self) -> None:
        """End the process."""
        self.channel.close()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _open(self, recipe: Recipe) -> None:
        try:
            self.channel.send(recipe)
            answer = self.channel.recv()
        except (EOFError, OSError):
            raise self.ended() from None
        if answer != READY:
            raise EngineError(f"{self._title} does not serve these weights: {answer}")
