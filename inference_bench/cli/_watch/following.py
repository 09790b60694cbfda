"""Follow processes: on a terminal with keys, elsewhere as one plain text after the other."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console

from inference_bench.cli._watch.client import Watched
from inference_bench.cli._watch.keys import read_keys
from inference_bench.cli._watch.terminal import terminal
from inference_bench.cli._watch.view import View
from inference_bench.errors import InferenceBenchError

Answer = dict[str, Any] | InferenceBenchError


def print_once(view: View) -> None:
    """Print everything that the view has."""
    console = Console(file=sys.stdout)
    for line in view.page(console.width):
        console.print(line, soft_wrap=True)


def follow_plain(watched: Mapping[str, Watched], view: View, interval_s: float) -> None:
    """Print a text at each interval.

    Raises:
        InferenceBenchError: the last process ended.
    """
    living = dict(watched)
    while True:
        print_once(view)
        print(flush=True)
        time.sleep(interval_s)
        for target, process in list(living.items()):
            try:
                view.add(process.read(), target)
            except InferenceBenchError as error:
                _end(view, living, target, error)


def follow_on_terminal(watched: Mapping[str, Watched], view: View, interval_s: float) -> None:
    """Show a screen that each answer and each key draws anew, until ``q``.

    Raises:
        InferenceBenchError: the last process ended.
    """
    living = dict(watched)
    with terminal() as screen:
        readers = [_Reader(target, process, interval_s, screen.wake_fd) for target, process in watched.items()]
        try:
            while True:
                screen.draw(view.screen(*screen.size))
                if not all(view.look.press(key, view.page_rows) for key in read_keys(screen.wait())):
                    return
                for reader in readers:
                    _take(reader, view, living)
        finally:
            for reader in readers:
                reader.stop()


def _take(reader: _Reader, view: View, living: dict[str, Watched]) -> None:
    while reader.answers:
        answer = reader.answers.popleft()
        if isinstance(answer, InferenceBenchError):
            _end(view, living, reader.target, answer)
        else:
            view.add(answer, reader.target)


def _end(view: View, living: dict[str, Watched], target: str, error: InferenceBenchError) -> None:
    """Go on with the others; with the last one the view ends."""
    del living[target]
    if not living:
        raise error
    view.end(target, str(error))


class _Reader:
    """Asks one process at an interval in a thread, so that keys do not wait for its answer.

    Args:
        target: name of the process.
        watched: its connection.
        interval_s: seconds between two questions.
        wake_fd: gets a byte with each answer.

    Attributes:
        answers: snapshots that came; an error is the last one.
    """

    def __init__(self, target: str, watched: Watched, interval_s: float, wake_fd: int) -> None:
        self.target = target
        self.answers: deque[Answer] = deque()
        self._watched, self._interval_s, self._wake_fd = watched, interval_s, wake_fd
        self._ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name=f"watch-{target}", daemon=True).start()

    def stop(self) -> None:
        """End the thread, or let it end after the answer that it waits for."""
        with self._lock:
            self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            try:
                answer: Answer = self._watched.read()
            except InferenceBenchError as error:
                answer = error
            except Exception as error:  # the connection was closed under it, at the end
                answer = InferenceBenchError(f"{self.target}: {error!r}")
            self._tell(answer)
            if isinstance(answer, InferenceBenchError):
                return

    def _tell(self, answer: Answer) -> None:
        with self._lock:  # the descriptor is open until ``stop``
            if not self._ended.is_set():
                self.answers.append(answer)
                with suppress(BlockingIOError):
                    os.write(self._wake_fd, b"\0")
