"""What is recorded of where a run comes from. Data only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from inference_bench.errors import InvalidValueError
from inference_bench.text import one_line
from inference_bench.units import counted

LATEST = "latest"
TAG_PREFIX, COMMIT_PREFIX = "tag:", "commit:"

_LONGEST = 100
_SHOWN = 7
"""Digits of a commit in reports, as git shortens it."""
_KEY = re.compile(r"[\w.-]{1,100}", re.ASCII)
_RESERVED = re.compile(rf"{LATEST}(~.*)?|({TAG_PREFIX}|{COMMIT_PREFIX}).*|\d{{8}}T.*", re.IGNORECASE)
"""Labels that would be read as another selector: ``latest~1``, ``tag:…``, the beginning of a run's id."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """The state of a repository.

    Attributes:
        commit: full hash.
        branch: empty if the commit is on none, or unknown.
        repository: name of its top folder.
        changed_files: files that differ from the commit; None if unknown.
        changes_digest: first 16 hexadecimal digits of a SHA-256 of their names and contents; empty if there are none,
            or unknown.
    """

    commit: str
    branch: str = ""
    repository: str = ""
    changed_files: int | None = None
    changes_digest: str = ""

    @property
    def short(self) -> str:
        """The commit as reports show it: ``1a2b3c4``."""
        return self.commit[:_SHOWN]

    @property
    def text(self) -> str:
        """The state in words: ``commit 1a2b3c4 (2 files changed)``."""
        if self.changed_files is None:
            return f"commit {self.short} (changes unknown)"
        return f"commit {self.short}" + (f" ({counted(self.changed_files, 'file')} changed)" * bool(self.changed_files))

    def is_known_to_differ(self, other: CodeState) -> bool:
        """Return whether another state of the same repository is certainly other code.

        The branch does not count, and what is unknown of either is no difference.
        """
        if self.commit != other.commit:
            return True
        known = (self.changed_files, other.changed_files), (self.changes_digest or None, other.changes_digest or None)
        return any(None not in pair and pair[0] != pair[1] for pair in known)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run comes from. What is unknown is empty or None, as in runs stored before this was recorded.

    Attributes:
        code: the repository of the measured code.
        tool: the repository that this package was installed from, or runs in.
        argv: the command line of the process, without what looks like a secret.
        settings: options that pyproject.toml and variables gave, as words of the command line: ``--dtype=float16``.
        host: name of the machine.
        label: name that the user gave to the run.
        note: what the user wrote about it.
        tags: further facts that the user gave, by name.
        sources: folders of models and benchmarks that the driver of a sweep sent, by path: SHA-256 of their code.
    """

    code: CodeState | None = None
    tool: CodeState | None = None
    argv: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    host: str = ""
    label: str = ""
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def marked(label: str = "", note: str = "", tags: Iterable[tuple[str, str]] = ()) -> Provenance:
    """Return a provenance with the user's marks only.

    Args:
        label: one line of at most 100 characters without ``/``; it may not look like another selector of runs.
        note: any text; it is stored as one line.
        tags: names (letters, digits, ``_``, ``-`` and ``.``) and values of one line.

    Raises:
        InvalidValueError: a label or tag that is not allowed, or one name with two values.
    """
    if label:
        _check_label(label)
    found: dict[str, str] = {}
    for key, value in tags:
        if not _KEY.fullmatch(key) or not value or len(value) > _LONGEST or one_line(value) != value:
            raise InvalidValueError(
                "tag", f"{key}={value}", f"KEY=VALUE, a key of letters, digits, _ - . and a line of up to {_LONGEST}"
            )
        if found.setdefault(key, value) != value:
            raise InvalidValueError(f"tag {key}", f"{found[key]} and {value}", "one value")
    return Provenance(label=label, note=one_line(note), tags=found)


def _check_label(label: str) -> None:
    if len(label) > _LONGEST or one_line(label) != label or "/" in label:
        raise InvalidValueError("label", label, f"one line of at most {_LONGEST} characters without /")
    if _RESERVED.fullmatch(label):
        advice = f"{LATEST}, {TAG_PREFIX}…, {COMMIT_PREFIX}… and ids select runs by other means."
        raise InvalidValueError("label", label, "a name of your own", advice)


def code_change(former: Provenance, present: Provenance) -> str:
    """Return how the measured code of one repository has changed, in words; empty if it has not, or that is unknown."""
    before, now = former.code, present.code
    if before is None or now is None or before.repository != now.repository:
        return ""
    if not before.is_known_to_differ(now):
        return ""
    if before.commit == now.commit:
        return f"{now.text}, with other changes than before"
    return f"{before.text} before, {now.text} now"
