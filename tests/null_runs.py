"""Real runs of the null model, for tests that read runs."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def write_null_runs(folder: Path, count: int) -> Path:
    """Put ``count`` runs of the null model, at most two, into a folder of results and return it."""
    runs = sorted(path for path in _measured().iterdir() if path.is_dir())
    assert count <= len(runs)
    for run in runs[:count]:
        shutil.copytree(run, folder / run.name)
    return folder


@cache
def _measured() -> Path:
    """Measure two runs once in a test process, and return their folder of results."""
    folder = tempfile.mkdtemp(prefix="null_runs_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, "-m", "inference_bench", "run", "--model", "null", "--benchmark", "inference_speed"]
    options = ["--input-lengths", "8,16", "--new-tokens", "4", "--quick", "--budget", "1", "--output", folder]
    for _ in range(2):
        subprocess.run([*command, *options], check=True, capture_output=True)
    return Path(folder)
