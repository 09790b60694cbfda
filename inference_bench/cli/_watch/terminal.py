"""A terminal taken over for a view, and given back as it was, however the view ends."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any

from rich.console import Console
from rich.text import Text

Handler = Callable[[int, FrameType | None], None]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Alternate screen; no cursor; long lines do not wrap."""
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_SYNCHRONISED = ("\x1b[?2026h", "\x1b[?2026l")
"""Draw all at once, where the terminal can."""

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def is_terminal() -> bool:
    """Return whether keys can be read from standard input and screens drawn on standard output."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Terminal:
    """Standard input and output as a screen with keys; made by ``terminal``."""

    def __init__(self, out: IO[str]) -> None:
        self.console = Console(file=out)
        self._out = out
        self._in = sys.stdin.fileno()
        self._modes: list[Any] = termios.tcgetattr(self._in)
        self._woken, self.wake_fd = os.pipe()
        for end in (self._woken, self.wake_fd):
            os.set_blocking(end, False)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines at this moment."""
        found = os.get_terminal_size(self._out.fileno())
        return max(found.columns, 1), max(found.lines, 1)

    def draw(self, lines: Sequence[Text]) -> None:
        """Replace the screen."""
        width, _ = self.size
        self.console.width = width
        with self.console.capture() as drawn:
            self.console.print(Text("\n").join(lines), end="", soft_wrap=True)
        body = drawn.get().replace("\n", "\x1b[K\r\n")
        self._write(f"{_SYNCHRONISED[0]}\x1b[H{body}\x1b[K\x1b[J{_SYNCHRONISED[1]}")

    def wait(self) -> bytes:
        """Wait for keys, and return them; nothing if the size changed, or ``wake_fd`` was written to."""
        ready, _, _ = select.select([self._in, self._woken], [], [])
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if self._in not in ready:
            return b""
        data = os.read(self._in, 1024)
        if not data:
            raise EOFError("the terminal is gone")
        return data

    def enter(self) -> None:
        """Take the terminal over."""
        tty.setcbreak(self._in)
        self._write(_ENTER)

    def leave(self) -> None:
        """Give the terminal back; one that is gone needs nothing."""
        with suppress(OSError, termios.error):
            termios.tcsetattr(self._in, termios.TCSADRAIN, self._modes)
        with suppress(OSError):
            self._write(_LEAVE)

    def suspend(self, number: int, _: FrameType | None) -> None:
        """Give the terminal back, stop this process as Ctrl-Z does, and take the terminal over when it goes on."""
        self.leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when the shell continues this process
        signal.signal(number, self.suspend)
        self.enter()

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._woken)
        os.close(self.wake_fd)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Take the terminal over until the block ends: also by an error, by Ctrl-C, or by a signal (SystemExit)."""
    found = Terminal(sys.stdout)
    handlers: dict[signal.Signals, Handler] = dict.fromkeys(_ENDING, _end)
    handlers |= {signal.SIGTSTP: found.suspend, signal.SIGWINCH: _do_nothing}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    wake_before = signal.set_wakeup_fd(found.wake_fd, warn_on_full_buffer=False)
    try:
        found.enter()
        yield found
    finally:
        found.leave()
        signal.set_wakeup_fd(wake_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        found.close()


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _do_nothing(_: int, __: FrameType | None) -> None:
    """Let the signal wake ``Terminal.wait`` by its descriptor."""
