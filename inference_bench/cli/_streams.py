"""Standard streams that may be closed, full, or no longer read."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

from inference_bench.results.atomic_file import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Buffer


def open_missing() -> None:
    """Open what the caller has closed (``>&-``) on the null device.

    Otherwise the next file that is opened becomes standard output, and what is printed to a missing standard error goes
    there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


@contextmanager
def output_to(path: Path | None) -> Iterator[TextIO]:
    """Yield standard output, or a stream whose text becomes the content of a file when the block ends, atomically.

    Raises:
        InferenceBenchError: the file cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    content = io.BytesIO()
    text = io.TextIOWrapper(content, encoding="utf-8", newline="", write_through=True)
    yield text
    write_atomically(path, content.getvalue())


class Forgiving:
    """A text stream whose failures to write are ignored: a full disk, a reader that has left.

    Args:
        stream: all else is passed on to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if possible; return the number of characters given."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class _Remembering(io.FileIO):
    """A file that remembers whether writing has failed."""

    has_failed = False

    def write(self, data: Buffer, /) -> int:
        """Write."""
        try:
            return super().write(data)
        except OSError:
            self.has_failed = True
            raise


def take_streams() -> None:
    """Let no failure to write to standard error end a command, and notice those of standard output.

    Only progress, warnings and errors go to standard error. For the command line alone: elsewhere the streams belong to
    the program.
    """
    sys.stderr = cast(TextIO, Forgiving(sys.stderr))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        file = io.BufferedWriter(_Remembering(sys.stdout.fileno(), "w", closefd=False))
        lines = sys.stdout.line_buffering
        sys.stdout = io.TextIOWrapper(file, sys.stdout.encoding, "replace", line_buffering=lines)


def give_up_stdout() -> bool:
    """Return whether writing to standard output has failed; what it still holds is then thrown away."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Remembering) or not raw.has_failed:
        return False
    # Without a valid stdout, the interpreter would complain when it flushes.
    os.dup2(os.open(os.devnull, os.O_WRONLY), raw.fileno())
    return True
