"""Draw ``docs/pictures/watch.svg``, a screen of 80 × 24 of a running server: ``python docs/watch_picture.py URL``."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

from rich.console import Console

from inference_bench.cli._watch.client import Watched
from inference_bench.cli._watch.view import View

TARGET = Path(__file__).parent / "pictures" / "watch.svg"
WIDTH, HEIGHT = 80, 24
UPDATES, INTERVAL_S = 6, 8.0


def main(target: str) -> int:
    """Watch for some intervals, and write what the screen shows then."""
    view = View()
    with closing(Watched(target)) as watched:
        for _ in range(UPDATES):
            view.add(watched.read(), target)
            time.sleep(INTERVAL_S)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, height=HEIGHT, file=nowhere, force_terminal=True)
        for line in view.screen(WIDTH, HEIGHT):
            console.print(line, soft_wrap=True)
        svg = console.export_svg(title="python -m inference_bench watch", unique_id="watch")
    # Without the web font: a picture fetches nothing.
    lines = [line for line in svg.splitlines() if line.strip()]
    start, end = (next(n for n, line in enumerate(lines) if mark in line) for mark in ("@font-face", "-matrix {"))
    text = "\n".join([*lines[:start], *lines[end:]]).replace("Fira Code", "DejaVu Sans Mono")
    TARGET.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
