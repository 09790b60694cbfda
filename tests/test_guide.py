"""The guide is true: its commands run, in its order, and its metrics are those that are declared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide.md"
QUICK = "--quick --min-samples 1 --warmup 0"
"""For commands that measure; what they show is not a figure to rely on."""

RUN_ID = r"benchmark_results/\d{8}T\d{6}Z-[0-9a-f]{6}"


def blocks() -> Iterator[tuple[str, str, str]]:
    """Yield (language, title, text) of each fenced block."""
    for found in re.finditer(
        r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL
    ):
        yield found[1], found[2] or "", found[3]


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield (command, shown output) of a console block."""
    for part in re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def carry_out(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one command of the guide; a run that is named is the latest one."""
    latest = max(folder.glob("benchmark_results/*"), default=None, key=lambda path: path.stat().st_mtime_ns)
    words = shlex.split(re.sub(RUN_ID, str(latest), command))
    assert words[0] == "python"
    measures = words[1:4] == ["-m", "inference_bench", "run"] and not {"--dry-run", "--resume"} & set(words)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "OMP_NUM_THREADS": "1"}
    environment["INFERENCE_BENCH_CACHE"] = str(folder / "cache")  # no command may need what is cached here
    return subprocess.run(
        [sys.executable, *words[1:], *(QUICK.split() if measures else [])],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_shown(expected: str, output: str) -> None:
    """What the guide shows occurs in this order; ``…`` is anything, and spacing does not count."""
    rest = " ".join(output.split())
    for words in filter(None, (" ".join(piece.split()) for piece in expected.split("…"))):
        assert words in rest, f"{words!r} is not in\n{output}"
        rest = rest.partition(words)[2]


def test_every_command_of_the_guide_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    ran = 0
    for language, title, text in blocks():
        if title:
            target = tmp_path / title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        for command, shown in commands(text) if language == "console" else ():
            ended = carry_out(command, tmp_path)
            assert ended.returncode == 0, f"$ {command}\n{ended.stdout}\n{ended.stderr}"
            assert_shown(shown, ended.stdout)
            ran += 1
    assert ran > 15


def test_metrics_and_columns_in_the_pages_are_the_declared_ones() -> None:
    pages = run_path(str(ROOT / "docs" / "tables.py"))["pages"]

    for path, text in pages():
        assert path.read_text() == text, f"{path.name}: run `python docs/tables.py`"


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr.strip()) == (0, "")
    api = (tmp_path / "site" / "api" / "index.html").read_text()
    assert "run_standardized_benchmarks" in api
    assert "inference_bench.model.model.Model.load" in api
