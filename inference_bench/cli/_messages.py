"""Lines on stderr."""

from __future__ import annotations

import sys

from inference_bench.text import one_line


def warn(text: str) -> None:
    """Print a warning on one line; it may quote a foreign file."""
    print(f"warning: {one_line(text)}", file=sys.stderr)
