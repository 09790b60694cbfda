"""The page about functions is true: its program and its commands run, and show what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.test_guide import ROOT, assert_shown, commands

PAGE = ROOT / "docs" / "functions.md"
OPTIONS = ROOT / "docs" / "pytest.md"


def test_every_command_of_the_page_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL)
    ran = 0
    for language, title, text in blocks:
        if title:
            (tmp_path / title).write_text(text)
        for command, shown in commands(text) if language == "console" else ():
            ended = subprocess.run(
                [sys.executable, *shlex.split(command)[1:]],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert ended.returncode == 0, f"$ {command}\n{ended.stderr}"
            assert_shown(shown, ended.stdout)
            ran += 1
    assert ran == 5


def test_the_tests_on_the_page_about_pytest_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", OPTIONS.read_text(), re.MULTILINE | re.DOTALL)
    tests = "\n\n".join(block for block in blocks if "tokenizer" not in block)
    (tmp_path / "test_page.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "inference_bench.pytest_plugin"]
    ended = subprocess.run(
        [*command, "--ib-budget", "0.2"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in ended.stdout, ended.stdout
