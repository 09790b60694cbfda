"""Keys from the bytes that a terminal sends."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEQUENCES = {
    "A": "up",
    "B": "down",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "5~": "pgup",
    "6~": "pgdn",
    "7~": "home",
    "8~": "end",
}
_CONTROLS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape"}
_KEY = re.compile(r"\x1b(?:\[|O)([0-9;]*[A-Za-z~])|(.)", re.DOTALL)


def read_keys(data: bytes) -> Iterator[str]:
    """Yield characters, and names of the other keys, such as ``up``, ``pgdn``, ``enter`` and ``escape``.

    >>> list(read_keys(b"q\\x1b[B\\x1b[6~"))
    ['q', 'down', 'pgdn']
    """
    for sequence, character in _KEY.findall(data.decode(errors="ignore")):
        if sequence:
            name = _SEQUENCES.get(sequence)
            if name is not None:
                yield name
        elif character in _CONTROLS:
            yield _CONTROLS[character]
        elif character.isprintable():
            yield character
