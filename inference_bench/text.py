"""Text for people: one safe line."""

from __future__ import annotations

import re

_SECRET_NAME = r"token(?!izer)|secret|passw|passphrase|key|credential|auth|cookie|session"
_SECRETS = (
    re.compile(r"(?<=://)[^/?#\s'\"]+(?=@)"),  # user and password of a URL
    re.compile(rf"(?i)(?<=[?&;])([\w.~-]*(?:{_SECRET_NAME})[\w.~-]*=)[^&;#\s'\"]+"),  # a parameter of a URL
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"),
)
HIDDEN = "(set)"
"""Stands for a secret in files that people share."""

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def one_line(text: str) -> str:
    """Return text with control codes, escapes and bidirectional marks, which break a table, replaced by spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in _COLOURS.sub("", text)).split())


def spreadsheet_text(text: str) -> str:
    """Return text on one line for a CSV cell; an apostrophe keeps a spreadsheet from taking it for a formula.

    >>> spreadsheet_text("=1+1"), spreadsheet_text("tiny")
    ("'=1+1", 'tiny')
    """
    line = one_line(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def is_secret(name: str) -> bool:
    """Return whether a variable of this name may hold a secret: a token, key, password, credential …

    >>> is_secret("HF_CREDENTIALS"), is_secret("MKL_LICENSE_KEY"), is_secret("TOKENIZERS_PARALLELISM")
    (True, True, False)
    """
    return re.search(_SECRET_NAME, name, re.IGNORECASE) is not None


def without_secrets(text: str) -> str:
    """Return text without the secrets that URLs and headers carry.

    >>> without_secrets("https://me:pass@example.org/?page=2&api_key=123")
    'https://(set)@example.org/?page=2&api_key=(set)'
    """
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: (found.group(1) if found.re.groups else "") + HIDDEN, text)
    return text
