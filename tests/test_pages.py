"""Every block of every page is true: commands run, Python runs, requests and workflows are read.

A page is a folder of its own, in which its blocks are carried out in their order. ``tests/pages.py`` says how a page
marks what cannot run, ``tests/page_commands.py`` what is changed so that it does not take hours.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from inference_bench.cli._command import load_command
from inference_bench.cli._parser import Parser
from tests.page_commands import CALL, called, carry_out, environment_of, with_existing_runs
from tests.pages import ROOT, Block, blocks, pages

NOT_RUN_AT_MOST = 19
"""Blocks that no test runs; each says why."""

WORD = re.compile(r"\$\{\{.*?\}\}")
"""What a workflow puts into a command."""

JUDGES = re.compile(r"inference_bench (compare\b|run\b.*--gate)")
"""Commands whose exit code is their verdict; on a busy machine the null model may be SLOWER."""

VERDICTS = {0, 1, 3}

REFUSALS = {2, pytest.ExitCode.USAGE_ERROR}
"""Exit codes of a request that is refused; pytest's is its own."""

WIDEST_LINE = 100
"""Characters of a code block that a page of 1280 pixels shows without cutting."""


class Reader:
    """Someone who carries out a page, block by block, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = environment_of(folder)
        self._prelude = ""
        self._cases: dict[str, Callable[[Block], None]] = {
            "sh": self._run,
            "console": self._run,
            "python": self._run_python,
            "sql": self._query,
            "toml": self._check_toml,
            "yaml": self._check_yaml,
            "json": self._check_json,
            "text": lambda _: None,
        }
        (folder / "examples").symlink_to(ROOT / "examples")

    def carry_out(self, block: Block) -> None:
        """Carry out one block, or write it to the file that its title names."""
        assert block.language in self._cases, f"{block.place}: language {block.language!r}, of {list(self._cases)}"
        if block.title:
            target = self.folder / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.mark != "not run":
            self._cases[block.language](block)

    def _run(self, block: Block) -> None:
        for command in block.commands():
            ended = carry_out(command.text, self.folder, self._environment)
            expected = REFUSALS if block.mark == "refused" else VERDICTS if JUDGES.search(command.text) else {0}
            assert ended.returncode in expected, f"{block.place}: $ {command.text}\n{ended.stdout}\n{ended.stderr}"
            if block.mark != "output differs":
                printed = ended.stderr if block.mark == "refused" else ended.stdout
                assert_shown(command.shown, printed, block.place)

    def _run_python(self, block: Block) -> None:
        """Run the code as a script, after the hidden code above it."""
        if block.is_hidden:
            self._prelude += block.text
            return
        script = self.folder / f"line_{block.line}.py"
        script.write_text(with_existing_runs(self._prelude + block.text, self.folder), encoding="utf-8")
        self._prelude = ""
        self._ends_well(block, [sys.executable, script.name])

    def _query(self, block: Block) -> None:
        """Run the statements: by DuckDB where they read files, else over the tables of the runs."""
        duckdb = pytest.importorskip("duckdb", reason="the extra `duckdb` is not installed")
        text = with_existing_runs(block.text, self.folder)
        if "read_" not in text:
            self._call(block, self.folder, "query", text)
            return
        for statement in text.split(";"):
            duckdb.connect().execute(statement.replace("'benchmark_results", f"'{self.folder}/benchmark_results"))

    def _call(self, block: Block, folder: Path, *words: str) -> None:
        ended = called(words, folder, self._environment)
        assert ended.returncode == 0, f"{block.place}\n{ended.stdout}\n{ended.stderr}"

    def _ends_well(self, block: Block, command: list[str]) -> None:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, f"{block.place}\n{ended.stdout}\n{ended.stderr}"

    def _check_toml(self, block: Block) -> None:
        """Let our own readers read it: settings of a project by ``env``, a request by ``run``."""
        folder = self.folder / f"line_{block.line}"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(block.text, encoding="utf-8")
        command = ["env"] if "tool" in tomllib.loads(block.text) else ["run", "--spec", "pyproject.toml", "--dry-run"]
        self._call(block, folder, *command)

    def _check_json(self, block: Block) -> None:
        """Check one value, or one per line."""
        try:
            json.loads(block.text)
        except ValueError:
            for line in block.text.splitlines():
                json.loads(line)

    def _check_yaml(self, block: Block) -> None:
        """Check a workflow's inputs of our action, and the options of its calls of this package."""
        given = yaml.safe_load(block.text)
        inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
        for step in (step for job in given.get("jobs", {}).values() for step in job["steps"]):
            if "/inference_bench@" in step.get("uses", ""):
                assert set(step["with"]) <= set(inputs), block.place
            for call in CALL.finditer(WORD.sub("word", step.get("run", "")).replace("\\\n", " ")):
                Parser(load_command(call[2])).said(shlex.split(call[3]))


def assert_shown(expected: str, output: str, place: str) -> None:
    """What a page shows occurs in this order; ``…`` is anything, and spacing does not count."""
    rest = " ".join(output.split())
    for words in filter(None, (" ".join(piece.split()) for piece in expected.split("…"))):
        assert words in rest, f"{place}: {words!r} is not in\n{output}"
        rest = rest.partition(words)[2]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_is_true(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks(page):
        reader.carry_out(block)


def test_what_no_test_runs_says_why_and_is_little() -> None:
    left_out = [block for page in pages() for block in blocks(page) if block.mark == "not run"]

    assert len(left_out) <= NOT_RUN_AT_MOST, "\n".join(f"{block.place}: {block.reason}" for block in left_out)
    assert [block.place for block in left_out if len(block.reason.split()) < 3] == []


def test_code_fits_into_a_page() -> None:
    long = (
        f"{block.place}: {line}"
        for page in pages()
        for block in blocks(page)
        for line in block.text.splitlines()
        if len(line) > WIDEST_LINE and not block.is_hidden
    )

    assert "\n".join(long) == ""
