"""Commands as a user gives them, in a process of their own or in this one: exit code, and what was printed where."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from inference_bench.cli import main

WIDTH = "120"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


def run(*words: str, **environment: str) -> Ended:
    """Carry out a command in a process of its own."""
    command = [sys.executable, "-m", "inference_bench", *words]
    environment = {**os.environ, "COLUMNS": WIDTH, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    return Ended(done.returncode, done.stdout, done.stderr)


def call(*words: object, cwd: str | Path = ".", **environment: str) -> Ended:
    """Carry out a command in this process, which saves the start of another."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with chdir(cwd), patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    return Ended(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def assert_refused(ended: Ended, code: int, *parts: str) -> None:
    """One line on stderr, nothing on stdout, no traceback."""
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err
    assert [part for part in parts if part not in ended.err] == [], ended.err
    assert ended.out == ""
    assert ended.code == code
