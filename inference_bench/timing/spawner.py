"""Starts commands, each in a fresh process, and waits for them; all that they start ends with this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from inference_bench.errors import InferenceBenchError
from inference_bench.machine.process_tree import ProcessTree
from inference_bench.timing import spawner_process
from inference_bench.timing.record import ProcessTimes


class Spawner:
    """Context manager with a small helper process that starts the commands; see ``spawner_process``.

    When it ends, also by Ctrl-C, every process that a command has left behind is killed.
    """

    def __enter__(self) -> Spawner:
        """Start the helper."""
        self._tree = ProcessTree()
        self._tree.begin()
        read, write = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(spawner_process.__file__)), str(write)],
            stdin=subprocess.PIPE,
            pass_fds=(write,),
            text=True,
            env=self._tree.environment(os.environ),
            process_group=0,
        )
        os.close(write)
        self._replies: IO[str] = os.fdopen(read)
        self._tree.begin(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what is left."""
        self._process.kill()
        self._tree.end(self._process.pid)
        self._process.communicate()
        self._replies.close()

    def run(self, words: Sequence[str], *, source: str = "null", output: str = "null") -> ProcessTimes:
        """Start a command and wait until it has ended.

        Args:
            words: the program and its arguments.
            source: ``null``, or the file that it reads as standard input.
            output: ``null``, ``pipe`` (read and dropped), ``inherit``, or the file that its standard output becomes.

        Raises:
            InferenceBenchError: it cannot be started.
        """
        request = {"words": list(words), "input": source, "output": output}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        try:
            line = self._replies.readline()
        except KeyboardInterrupt:
            self._end_running()
            raise
        if not line:
            raise InferenceBenchError(f"command {words[0]!r}: the process that starts it has ended. Run it again.")
        reply = json.loads(line)
        if "error" in reply:
            raise InferenceBenchError(f"command {words[0]!r}: cannot be started ({reply['error']}).")
        return ProcessTimes(
            samples_ns=[reply["wall_ns"]],
            user_ns=reply["user_ns"],
            system_ns=reply["system_ns"],
            peak_rss_bytes=reply["peak_rss_bytes"],
            exit_code=reply["exit_code"],
        )

    def _end_running(self) -> None:
        """Kill the command that runs, and drop the reply to it, so that a clean-up can still be run."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, IndexError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid:
                    os.killpg(int(stat.parent.name), signal.SIGKILL)
        self._replies.readline()
