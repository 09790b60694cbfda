"""Run the commands of a page as a reader would, with small settings: one table says what is changed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from tests.command_line import call
from tests.pages import ROOT

QUICK = "--quick --warmup 0 --min-samples 1 --budget 0.1"
SMALL = f"--model null --benchmark inference_speed --new-tokens 4 {QUICK}"


class Change(NamedTuple):
    """Words that a test adds to a command; the last value of an option counts."""

    command: str
    having: str
    """Searched for in the options of the command."""
    words: str
    why: str


CHANGES = (
    Change("run", r"--resume|--dry-run", "", "it measures what was asked for before, or nothing"),
    Change(
        "run",
        r"--all|--(device|suite|spec|thorough|weights(?! random))|accuracy|agreement|serving_load|find-capacity",
        "--dry-run",
        "slow",
    ),
    Change("run", r"--model \S*[./](?!.*--input-lengths)", "--dry-run", "a tiny network has no room for long prompts"),
    Change(
        "run", r"--models?(-dir)?\b(?!.*--runs)", f"{QUICK} --isolation inline", "a worker process imports torch anew"
    ),
    Change("run", r"--benchmark\b", f"--model null {QUICK}", "the default model is 500 MB"),
    Change("run", r"--runs\b", f"{SMALL} --runs 2", "each run is a worker process, which takes a second"),
    Change("run", r"--(dtype|gate)\b", SMALL, "the default model is 500 MB"),
    Change("run", r"", f"{SMALL} --isolation inline", "a worker process takes a second"),
    Change("time", r"--runs", "", "as often as the page says"),
    Change("time", r"", "--runs 3", "a look is enough"),
    Change("ab", r"", "--dry-run", "it measures for minutes"),
    Change("noise", r"", f"{SMALL} --runs 2", "it measures for minutes"),
)
"""The first that fits a command decides; no other command is changed."""

PLAIN = re.compile(r"python -m inference_bench\b([^|<>;&$`*~(){}\\]*)")
"""A command of this package alone, without anything of a shell: carried out in this process, which saves the start."""

CALL = re.compile(r"""((?:python -m inference_bench|inference-bench) ([\w-]+)((?:"[^"]*"|'[^']*'|[^|<>;&#"'])*))""")
RUN_ID = r"\d{8}T\d{6}Z-[0-9a-f]{6}"


def carry_out(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command of a page in its folder."""
    if install := re.match(r"(?:python -m )?pip install (.*)", command):
        return _checked_requirements(shlex.split(install[1], comments=True))
    line = prepared(command, folder)
    if plain := PLAIN.fullmatch(line):
        return called(shlex.split(plain[1], comments=True), folder, environment)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def called(words: Sequence[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Carry out a command of this package in this process, with these variables and no others."""
    with patch.dict(os.environ, environment, clear=True):
        ended = call(*words, cwd=folder)
    for name in [name for name in sys.modules if name.startswith("inference_bench._plugins.")]:
        del sys.modules[name]  # a page may write the file of a plugin anew
    return subprocess.CompletedProcess(list(words), ended.code, ended.out, ended.err)


def prepared(command: str, folder: Path) -> str:
    """Return the line of the shell that stands for a command of a page."""
    if command.startswith("make"):
        return command.replace("make", f"make --dry-run -C {shlex.quote(str(ROOT))}", 1)
    if command.startswith("pytest"):
        return f"python -m {command} -p no:cacheprovider --ib-budget 0.1"
    return CALL.sub(
        lambda found: f"{found[1].rstrip()} {added(found[2], found[3])} ", with_existing_runs(command, folder)
    )


def added(command: str, options: str) -> str:
    """Return the words that the table adds to a call of this package."""
    fitting = (
        change.words
        for change in CHANGES
        if re.fullmatch(change.command, command) and re.search(change.having, options)
    )
    return next(fitting, "")


def with_existing_runs(text: str, folder: Path) -> str:
    """Return the text with the newest run folders in the place of those that the page names."""
    named = sorted(set(re.findall(rf"[\w./-]*{RUN_ID}", text)))
    for parent in {Path(name).parent for name in named}:
        asked = [name for name in named if Path(name).parent == parent]
        existing = sorted((folder / parent).glob("*Z-??????"))[-len(asked) :]
        for name, run in zip(asked, existing, strict=False):
            text = text.replace(name, str(run.relative_to(folder)))
    return text


def environment_of(folder: Path) -> dict[str, str]:
    """Return variables with which a command finds this package, and nothing that this machine has cached."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INFERENCE_BENCH_"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "INFERENCE_BENCH_CACHE": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def _checked_requirements(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Check that this project has the extras that are named; an installation itself takes a network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"(?:^|\s)(?:\.|inference-bench)\[([\w,-]+)\]", " ".join(words))
    unknown = {extra for names in extras for extra in names.split(",")} - set(project["optional-dependencies"])
    return subprocess.CompletedProcess(words, len(unknown), "", f"no such extra: {', '.join(sorted(unknown))}")
