"""``report --watch``: a run that is shown anew each time a case of it ends, until it has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from inference_bench.cli._progress import case_label, outcome
from inference_bench.cli._streams import output_to
from inference_bench.reports._report import open_report
from inference_bench.results.run import load_run
from inference_bench.results.run_folder import RECORD

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_INTERVAL_S = 0.5
_SHARE = 10
"""Reading and drawing take at most one part in this many of the time: they use a CPU of the machine that measures."""


class Display(Protocol):
    """Where a run is shown."""

    def show(self, run: Run) -> None:
        """Show the run as it is now."""


def watch_run(folder: Path, display: Display) -> Run:
    """Show a run now and whenever its files change; return it once no process writes it any more."""
    last = None
    while True:
        began = time.monotonic()
        state = _state(folder)
        run = load_run(folder)
        if state != last or not run.is_in_progress:
            display.show(run)
        if not run.is_in_progress:
            return run
        last = state
        time.sleep(max(_INTERVAL_S, _SHARE * (time.monotonic() - began)))


def how_it_ended(run: Run) -> str:
    """Return why a run is no longer watched."""
    if run.record.finished:
        return f"the run has ended: {run.progress}"
    return (
        f"no process measures this run any more, and it is unfinished: {run.progress}. "
        f"`run --resume {run.record.id}` measures the rest."
    )


def _state(folder: Path) -> tuple[int, int] | None:
    """Return what changes when a case ends; None if the folder is gone, as reading the run will say."""
    try:
        facts = (folder / RECORD).stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino


class FilesDisplay:
    """Writes the report to files, each of which is whole at every instant.

    Args:
        files: format and path of each.
    """

    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        self._files = [(open_report(form), path) for form, path in files]

    def show(self, run: Run) -> None:
        """Write the report anew."""
        for report, path in self._files:
            with output_to(path) as stream:
                report.render(run, stream)
            print(f"{run.progress}: written to {path}", file=sys.stderr, flush=True)


class LineDisplay:
    """One line per case that has ended, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: dict[str, tuple[str, int]] = {}

    def show(self, run: Run) -> None:
        """Print the cases that have ended, or been measured in a further process, since the last time."""
        planned = len(run.record.cases)
        for number, result in enumerate(run.results, 1):
            state = result.status.value, len(result.workers)
            if self._shown.get(result.case.id) != state:
                self._shown[result.case.id] = state
                process = f", process {len(result.workers)}" if len(result.workers) > 1 else ""
                label = case_label(result.case)
                print(f"[{number}/{planned}{process}] {label}: {outcome(result)}", file=self._stream)
        self._stream.flush()


class TerminalDisplay:
    """Draws the report in place; what does not fit the screen is cut until the run has ended."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="ellipsis")

    @contextmanager
    def drawing(self) -> Iterator[TerminalDisplay]:
        """Draw within this block; the terminal is as before after it."""
        with self._live:
            yield self

    def show(self, run: Run) -> None:
        """Draw the report anew."""
        from rich.console import Group

        from inference_bench.reports._console_page import parts_of
        from inference_bench.reports._pages.run import page

        self._live.update(Group(*parts_of(page(run), self._console)), refresh=True)
