"""What the commands that read runs share: how a RUN is named, and in which folder it is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.provenance.record import LATEST
from inference_bench.results.run_folder import default_output
from inference_bench.results.selectors import SELECTORS, select_run
from inference_bench.results.storage import place_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.results.storage import Folder

ONE_RUN = f"{SELECTORS}; of a folder of runs the newest (default: {LATEST})"
"""Help of an argument that is one run."""


def add_results_option(parser: argparse._ActionsContainer) -> None:
    """Declare the folder of runs."""
    parser.add_argument(
        "--results",
        metavar="DIR|ADDRESS",
        type=place_of,
        default=default_output(),
        help=f"folder of the runs that {LATEST}, labels, tags, commits and ids name, or an address such as "
        "s3://bucket/prefix; INFERENCE_BENCH_OUTPUT sets the default",
    )


def selected_runs(words: Sequence[str], args: argparse.Namespace) -> list[Folder]:
    """Return the folder of the run that each word names, or of the newest run if there are no words.

    Raises:
        RunFormatError: a word names no run, or several.
    """
    return [select_run(word, args.results) for word in words or [LATEST]]


def on_disk(folders: Sequence[Folder], what: str) -> list[Path]:
    """Return folders of runs that must be on this machine.

    Raises:
        InvalidValueError: one is on a store; ``what`` needs them.
    """
    for folder in folders:
        if not isinstance(folder, Path):
            raise InvalidValueError(
                what, str(folder), "a run on this machine", "Copy its folder to this machine first."
            )
    return [folder for folder in folders if isinstance(folder, Path)]


def named_sweep(word: str, root: Folder) -> Folder | None:
    """Return the folder of the sweep that a word names; None if it names something else.

    Raises:
        RunFormatError: a selector that names nothing.
    """
    from inference_bench.results.discovery import find_folders
    from inference_bench.results.sweep_file import SWEEP

    found = find_folders(word, root)
    return found[0] if len(found) == 1 and (found[0] / SWEEP).is_file() else None
