"""Text for people: one safe line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRET_NAME = r"token(?!izer)|secret|passw|passphrase|key|credential|auth|cookie|session"
_SECRETS = (
    re.compile(r"(?<=://)[^/?#\s'\"]+(?=@)"),  # user and password of a URL
    re.compile(rf"(?i)(?<=[?&;])([\w.~-]*(?:{_SECRET_NAME})[\w.~-]*=)[^&;#\s'\"]+"),  # a parameter of a URL
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"),
)
_OF_SERVICES = r"(hf_|sk-|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|npm_|pypi-|eyJ)[\w.+/=-]{12,}"
_SERVICE_TOKEN = re.compile(rf"(?<![\w-]){_OF_SERVICES}", re.ASCII)
_TOKEN = re.compile(
    rf"{_OF_SERVICES}"
    r"|(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[A-Za-z\d_-]{32,}={0,2}",  # random letters of both cases, and digits
    re.ASCII,
)
_NAMED = re.compile(r"([-\w.:]+)(=|: +)((?<=: ).*|\"[^\"]*\"|'[^']*'|[^,\s]*)")
_COUNTS = re.compile(r"[\d.,]+")
_LONGEST_WORD = 1_000

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


def without_tokens(text: str) -> str:
    """Return text without the secrets of URLs and headers, and without tokens of known services.

    >>> without_tokens("hf_abcdefghijklmnop failed for disk-intensive-workloads")
    '(set) failed for disk-intensive-workloads'
    """
    return without_secrets(_SERVICE_TOKEN.sub(HIDDEN, text))


def without_secret_words(words: Iterable[str]) -> list[str]:
    """Return the words of a command line without values that look like a key, token or password.

    >>> without_secret_words(["run", "--token", "abc", "env:API_KEY=abc", "--model=tiny", "hf_abcdefghijklmnop"])
    ['run', '--token', '(set)', 'env:API_KEY=(set)', '--model=tiny', '(set)']
    """
    shown: list[str] = []
    name = ""  # of the option that takes the next word as its value
    for word in words:
        first = _NAMED.match(word)
        if name and not word.startswith("-"):
            text = _value(name, word)
        elif first and first.group(2) == "=":
            text = f"{first.group(1)}={_value(first.group(1), word[first.start(3) :])}"
        else:
            text = _value("", word)
        name = word if word.startswith("-") and first is None else ""
        shown.append(text if len(text) <= _LONGEST_WORD else text[: _LONGEST_WORD - 1] + "…")
    return shown


def _value(name: str, value: str) -> str:
    """Return a value without secrets; of counts of tokens nothing is hidden."""
    if is_secret(name) and not (name.endswith("tokens") and _COUNTS.fullmatch(value)):
        return HIDDEN
    named = _NAMED.sub(lambda found: found.group(1) + found.group(2) + _value(found.group(1), found.group(3)), value)
    return without_secrets(_TOKEN.sub(HIDDEN, named))
