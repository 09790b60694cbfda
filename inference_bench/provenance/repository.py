"""The state of the git repository that holds a folder: asked of git, or read from its files where git does not answer.

Git is started without a shell and changes nothing. It refuses a repository of another user, and may be missing; the
commit and the branch are then read from the files of the repository, which runs nothing that the repository configures.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from inference_bench.provenance.record import CodeState

LIMIT_S = 2.0
"""Time that git may take, unless the caller allows another."""

_TICK_S = 0.02
_LARGEST_BYTES = 1 << 20
"""A larger changed file counts by its size and time, so that changed weights are not read."""

_REDIRECTIONS = ("DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "OBJECT_DIRECTORY", "NAMESPACE", "PREFIX")
"""Variables ``GIT_…`` that a hook of git sets, and that would lead to the repository of the hook."""

_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_STATUS = ("status", "--porcelain=v2", "--branch", "--no-renames", "-z")
_UNTRACKED = ("ls-files", "--others", "--exclude-standard", "--exclude=__pycache__", "--exclude=*.pyc", "-z", "--")


class _OverError(Exception):
    """The time is over, or the caller stopped waiting."""


def find_repository(folder: Path) -> Path | None:
    """Return the top folder of the repository that holds a folder; a worktree or submodule is one of its own."""
    with suppress(OSError, RuntimeError, ValueError):
        resolved = folder.resolve()
        return next((path for path in (resolved, *resolved.parents) if (path / ".git").exists()), None)
    return None


def describe_repository(
    top: Path, folders: Sequence[Path] = (), is_over: Callable[[], bool] | None = None
) -> CodeState | None:
    """Return the state of a repository; None if not even its files tell the commit. Never raises.

    Changed files are those that git tracks, and those below ``folders`` that it neither tracks nor ignores.

    Args:
        top: its top folder.
        folders: those that hold the measured code.
        is_over: whether to give up git; after ``LIMIT_S`` if None.
    """
    end = time.monotonic() + LIMIT_S
    over = is_over or (lambda: time.monotonic() > end)
    known = read_head(top)
    try:
        words = _git(top, (*_STATUS, "--untracked-files=no"), over).split(b"\0")
        headers = dict(_header(word) for word in words if word.startswith(b"# branch."))
        commit = headers.get("oid", "")
        if not _HASH.fullmatch(commit):
            return None
        branch = headers.get("head", "")
        known = CodeState(commit, "" if branch == "(detached)" else branch, top.name)
        paths = [path for word in words if (path := _changed_path(word))]
        if inside := [str(folder.resolve()) for folder in folders if folder.resolve().is_relative_to(top)]:
            paths += [path for path in _git(top, (*_UNTRACKED, *inside), over).split(b"\0") if path]
        known = replace(known, changed_files=len(paths))
        return replace(known, changes_digest=_digest(top, sorted(paths), over) if paths else "")
    except (_OverError, OSError, subprocess.SubprocessError, ValueError):
        return known


def read_head(top: Path) -> CodeState | None:
    """Return the commit and the branch from a repository's files, without git; None if they do not tell."""
    try:
        folder = top / ".git"
        if folder.is_file():  # a worktree or a submodule
            folder = top / folder.read_text(errors="replace").removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text(errors="replace").strip()
        ref = head.removeprefix("ref:").strip() if head.startswith("ref:") else ""
        commit = _commit_of(folder, ref) if ref else head
        return CodeState(commit, ref.removeprefix("refs/heads/"), top.name) if _HASH.fullmatch(commit) else None
    except (OSError, ValueError):
        return None


def _commit_of(folder: Path, ref: str) -> str:
    """Return the commit that a ref names, or an empty text; ``folder`` is the one of the worktree."""
    if ".." in ref or not ref.startswith("refs/"):
        return ""
    shared = folder / "commondir"
    common = folder / shared.read_text(errors="replace").strip() if shared.is_file() else folder
    for place in (folder, common):
        if (place / ref).is_file():
            return (place / ref).read_text(errors="replace").strip()
    lines = (common / "packed-refs").read_text(errors="replace").splitlines()
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {ref}")), "")


def _header(word: bytes) -> tuple[str, str]:
    name, _, value = word.removeprefix(b"# branch.").decode(errors="replace").partition(" ")
    return name, value


def _changed_path(word: bytes) -> bytes:
    """Return the path of an entry of ``git status --porcelain=v2``; empty for a header."""
    fields = {b"1 ": 8, b"u ": 10}.get(word[:2])
    return word.split(b" ", fields)[-1] if fields else b""


def _git(top: Path, words: Sequence[str], is_over: Callable[[], bool]) -> bytes:
    """Return what git prints.

    Raises:
        _OverError: it took too long, and was killed.
        OSError: git cannot be started.
        subprocess.CalledProcessError: it failed.
    """
    hidden = {f"GIT_{name}" for name in _REDIRECTIONS}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = ["git", "-C", str(top), "-c", "core.fsmonitor=false", *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
    ) as process:
        try:
            output = _output(process, is_over)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


def _output(process: subprocess.Popen[bytes], is_over: Callable[[], bool]) -> bytes:
    while not is_over():
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_TICK_S)[0]
    raise _OverError


def _digest(top: Path, paths: Iterable[bytes], is_over: Callable[[], bool]) -> str:
    """Return a digest of the names and contents of changed files."""
    found = hashlib.sha256()
    for path in paths:
        if is_over():
            raise _OverError
        content = _content(os.path.join(os.fsencode(top), path))
        for part in (path, content):
            found.update(len(part).to_bytes(8, "big"))
            found.update(part)
    return found.hexdigest()[:16]


def _content(path: bytes) -> bytes:
    try:
        if os.path.islink(path):
            return b"link " + os.readlink(path)
        if os.path.isdir(path):  # a submodule
            state = read_head(Path(os.fsdecode(path)))
            return b"submodule " + (state.commit if state else "").encode()
        facts = os.stat(path)
        if facts.st_size > _LARGEST_BYTES:
            return f"large {facts.st_size} {facts.st_mtime_ns}".encode()
        with open(path, "rb") as file:
            return b"file " + file.read(_LARGEST_BYTES)
    except OSError:
        return b"missing"
