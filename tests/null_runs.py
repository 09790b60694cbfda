"""Real runs of the null model, for tests that read runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def write_null_runs(folder: Path, count: int) -> Path:
    """Measure the null model ``count`` times into a folder and return it."""
    command = [sys.executable, "-m", "inference_bench", "run", "--model", "null", "--benchmark", "inference_speed"]
    options = ["--input-lengths", "8,16", "--new-tokens", "4", "--quick", "--budget", "1", "--output", str(folder)]
    for _ in range(count):
        subprocess.run([*command, *options], check=True, capture_output=True)
    return folder
