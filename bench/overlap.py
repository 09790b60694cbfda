"""Does loading ahead save time, and does it disturb what is timed? The command `overlap` on small random models.

Run as ``python -m bench.overlap``; its options are those of the command and come after these.
"""

from __future__ import annotations

import sys

from inference_bench.cli import main as command_line
from inference_bench.model.discovery import find_models, load_model

_SWEEP = (
    *("--weights", "random", "--scale", "reduced", "--benchmark", "inference_speed", "--overlap", "partition"),
    # 80 tokens is the least that all of them take; a second to measure each leaves a sweep that is mostly loading.
    *("--input-lengths", "80", "--new-tokens", "16", "--budget", "1", "--threads", "1"),
)


def main() -> int:
    """Carry the command out on every model that generates; 1 if a median is worse for it."""
    files = find_models()
    models = [name for name in files if name != "null" and "generate" in load_model(files[name]).abilities]
    return command_line(["overlap", "--model", ",".join(models), *_SWEEP, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
