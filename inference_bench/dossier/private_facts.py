"""What a dossier does not tell: absolute paths, the host's name, and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from inference_bench.text import without_tokens

CUT = "…/"
"""Stands for the folders of a path on the machine that measured."""
HOST = "(host)"
"""Stands for the name of the machine that measured."""

_KERNEL = ("/proc", "/sys", "/dev")
"""Paths that are the same on every machine."""

_END = r"\s\"'`,;:()<>\[\]{}|/"
_PATH = re.compile(rf"(?:(?<![\w./~…-])|(?<=-[IL]))(?:file:(?://)?)?/(?=[\w.~+@-])(?:[^{_END}]+/)+[^{_END}]*")
"""An absolute path of two parts or more in running text; no ratio (``a/b``), and no URL but one of a file."""

_KEEP_HOST = frozenset({"case", "summaries", "samples", "memory", "scores"})
"""Parts of a result that name cases and metrics, where a host's name could be a word of the language."""


class PrivateFacts:
    """Replaces what is private in texts and plain data; a path is replaced in the same way wherever it occurs.

    Args:
        hosts: names of machines, left out of every text; none if they may be told.
        words: command lines; a word that is an absolute path is known as a whole, with its spaces.
    """

    def __init__(self, hosts: Iterable[str] = (), words: Iterable[str] = ()) -> None:
        names = sorted({re.escape(host) for host in hosts if len(host) > 2}, key=len, reverse=True)
        self._host = re.compile(rf"(?<![\w-])(?:{'|'.join(names)})(?![\w-])") if names else None
        self._short: dict[str, str] = {}
        self._known = sorted(filter(_is_path, (word.rpartition("=")[2] for word in words)), key=len, reverse=True)

    def without_paths(self, text: str) -> str:
        """Return a text without absolute paths and tokens."""
        text = without_tokens(text)
        if _is_path(text) and "\n" not in text:
            return self._cut(text)
        for path in self._known:
            if path in text and not path.startswith(_KERNEL):
                text = re.sub(rf"(?<![\w./~…-]){re.escape(path)}(?![\w-])", lambda found: self._cut(found[0]), text)
        return _PATH.sub(lambda found: self._cut(found.group()), text)

    def without_host(self, text: str) -> str:
        """Return a text without the names of the machines."""
        return self._host.sub(HOST, text) if self._host else text

    def text(self, text: str) -> str:
        """Return a text without anything private."""
        return self.without_host(self.without_paths(text))

    def plain(self, value: Any, *, host: bool = True) -> Any:
        """Return plain data without anything private.

        Args:
            value: dicts, lists, texts and numbers.
            host: whether host names are left out, too.
        """
        if isinstance(value, str):
            return self.text(value) if host else self.without_paths(value)
        if isinstance(value, list):
            return [self.plain(item, host=host) for item in value]
        if isinstance(value, dict):
            return {
                self.without_paths(name): self.plain(item, host=host and name not in _KEEP_HOST)
                for name, item in value.items()
            }
        return value

    def _cut(self, path: str) -> str:
        """Return the last part of a path; two paths that end alike get numbers."""
        if path.startswith(_KERNEL):
            return path
        known = self._short.get(path)
        if known is None:
            name = CUT + PurePosixPath(path).name
            taken = set(self._short.values())
            number = 1
            known = name
            while known in taken:
                number += 1
                known = f"{name}~{number}"
            self._short[path] = known
        return known


def _is_path(text: str) -> bool:
    return text.startswith("/") and len(text) > 1 and not text.startswith("//")
