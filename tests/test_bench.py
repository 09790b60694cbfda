"""The benches can at least be imported and named; what they measure is for an idle machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIBRARY = {"__init__", "__main__", "cold", "interleave", "peers", "synthetic_sweep"}


def test_every_bench_says_what_it_asks() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--list"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    named = {line.split()[0]: line.split(maxsplit=1)[1] for line in ended.stdout.splitlines()}
    assert set(named) == {path.stem for path in (ROOT / "bench").glob("*.py")} - LIBRARY
