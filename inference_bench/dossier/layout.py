"""The files of a dossier.

README.md           question, plan, verdicts, how to repeat it
report.html         the report of the run, or the comparison of several
comparison.json     the comparison, if the runs allow one
environment.json    the machine and the software, by run
noise.json          the A/A floors that the comparison used, if there are any
runs/<id>/          each run: run.json, results.json, results.csv and its Parquet files
MANIFEST.json       digest and size of every other file, and the versions that wrote them
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InferenceBenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

README = "README.md"
REPORT = "report.html"
COMPARISON = "comparison.json"
ENVIRONMENT = "environment.json"
NOISE = "noise.json"
MANIFEST = "MANIFEST.json"
RUNS = "runs"


class DossierError(InferenceBenchError):
    """A dossier whose files are not those that its manifest names."""


def files_in(folder: Path) -> Iterator[str]:
    """Yield the path of every file below a folder, relative to it, sorted; nothing is followed out of the folder.

    Raises:
        DossierError: a link, or something that is neither file nor folder.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise DossierError(f"{folder}: {name!r} is a link or a device, expected files and folders only.")
        if path.is_file():
            yield name
