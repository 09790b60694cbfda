"""Reading the provenance of a run that begins now: in the background, while plugins are imported."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Event, Thread

from inference_bench.provenance.record import CodeState, Provenance
from inference_bench.provenance.repository import describe_repository, find_repository, read_head
from inference_bench.text import without_secret_words

WAIT_S = 1.0
"""Time that a run waits for git, after its plugins were imported. It waits only where git is slower than the import."""

_PACKAGE = Path(__file__).parents[1]


class ProvenanceReading:
    """Reads the provenance in a thread, which starts at once.

    Args:
        marks: what is known already: the user's label, note and tags, and the commit if the folders are copies of it.
        folders: those that hold the measured code; the current folder if there are none.
    """

    def __init__(self, marks: Provenance, folders: Sequence[Path] = ()) -> None:
        self._basis = replace(marks, argv=_argv(), host=platform.node())
        self._folders = tuple(folders)
        self._stop = Event()
        self._found: Provenance | None = None
        self._thread = Thread(target=self._read, name="provenance", daemon=True)
        self._thread.start()

    def result(self, wait_s: float = WAIT_S) -> Provenance:
        """Return what is known at most ``wait_s`` later; without git's answer, that is the commit and the branch."""
        self._thread.join(wait_s)
        self._stop.set()
        return self._found or _described(self._basis, self._folders, lambda top, _: read_head(top))

    def _read(self) -> None:
        self._found = _described(
            self._basis, self._folders, lambda top, folders: describe_repository(top, folders, self._stop.is_set)
        )


def describe_code(folder: Path) -> CodeState | None:
    """Return the state of the repository that holds a folder; None outside of one. Waits for git, some seconds at most.

    Never raises.
    """
    top = find_repository(folder)
    return None if top is None else describe_repository(top, [folder])


def describe_server() -> Provenance:
    """Return the provenance of this process without starting git: a server gets no child of ours."""
    basis = Provenance(argv=_argv(), host=platform.node())
    return _described(basis, (), lambda top, _: read_head(top))


def describe_tool() -> CodeState | None:
    """Return the commit of this package, or None if unknown; starts no git."""
    own = find_repository(_PACKAGE)
    return read_head(own) if own is not None and own == _PACKAGE.parent else _installed_commit()


def _described(
    basis: Provenance, folders: Sequence[Path], describe: Callable[[Path, Sequence[Path]], CodeState | None]
) -> Provenance:
    top = next((top for folder in folders or (Path(),) if (top := find_repository(folder))), None)
    code = basis.code or (None if top is None else describe(top, folders))
    own = find_repository(_PACKAGE)
    if own is None or own != _PACKAGE.parent:  # an environment inside of another project's repository
        return replace(basis, code=code, tool=_installed_commit())
    return replace(basis, code=code, tool=code if own == top and basis.code is None else describe(own, ()))


def _installed_commit() -> CodeState | None:
    """Return the commit that pip installed this package from, by PEP 610; None if it was no repository."""
    try:
        facts = json.loads(distribution("inference-bench").read_text("direct_url.json") or "{}")
        commit = facts.get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, OSError, ValueError, AttributeError):
        return None
    return CodeState(commit, changed_files=0) if isinstance(commit, str) else None


def _argv() -> tuple[str, ...]:
    """Return the command that repeats this process."""
    return tuple(without_secret_words(sys.orig_argv or sys.argv))
