"""Copies of folders from other revisions of their git repository."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.provenance.record import CodeState

if TYPE_CHECKING:
    from collections.abc import Iterable


class Revisions:
    """Copies folders from a repository's history; the copies exist as long as the block.

    The repository and its working tree stay unchanged.
    """

    def __enter__(self) -> Revisions:
        self._temporary = tempfile.TemporaryDirectory(prefix="inference_bench-")
        self._states: dict[Path, CodeState] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    def copy_of(self, folder: Path, revision: str) -> Path:
        """Return a copy of the folder as it was in this branch, tag or commit.

        Raises:
            UsageError: git is missing, the folder is in no repository, or was not there.
            InvalidValueError: there is no such revision.
        """
        top = Path(
            _git(folder, "rev-parse", "--show-toplevel", what=f"{folder} is in no git repository").decode().strip()
        )
        try:
            named = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            commit = _git(top, *named, what="").decode().strip()
        except UsageError:
            raise InvalidValueError("revision", revision, f"a branch, tag or commit of {top.name}") from None
        inside = folder.resolve().relative_to(top.resolve())
        packed = _git(top, "archive", commit, "--", str(inside), what=f"{inside} is not in {revision}")
        home = Path(self._temporary.name) / commit
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            _extract(archive, home)
        self._states[home / inside] = CodeState(commit, changed_files=0)
        return home / inside

    def state_of(self, folders: Iterable[Path]) -> CodeState | None:
        """Return the commit that the first copy among these folders was taken from; None if none is a copy."""
        return next((self._states[folder] for folder in folders if folder in self._states), None)


def _extract(archive: tarfile.TarFile, home: Path) -> None:
    """Unpack what ``git archive`` wrote. The filter, new in Python 3.11.4, refuses members outside of ``home``."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(home, filter="data")
    else:
        archive.extractall(home)  # git archive writes neither absolute paths nor ".."


def _git(folder: Path, *words: str, what: str) -> bytes:
    """Return the output of git; ``what`` begins the message if git fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"a revision needs git, which could not be started: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise UsageError(f"{what}{': ' if said else ''}{said}")
    return done.stdout
