"""Which architectures the installed transformers has, from the text of its table: importing it takes seconds."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_TABLES = ("models/auto/auto_mappings.py", "models/auto/configuration_auto.py")
_WORD = re.compile(r"""["']([\w.+-]+)["']""")


def is_known(kind: str) -> bool:
    """Return whether transformers has a configuration of this ``model_type``; True if its table cannot be found."""
    known = _kinds()
    return not known or kind in known


@cache
def _kinds() -> frozenset[str]:
    spec = find_spec("transformers")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None:
        return frozenset()
    texts = (path.read_text(encoding="utf-8") for name in _TABLES if (path := folder / name).is_file())
    return frozenset(kind for text in texts for kind in _WORD.findall(text))
