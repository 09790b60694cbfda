"""The command line from outside: a process, judged by its exit code and by what it printed where."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import inference_bench
from inference_bench.cli import _main, _summaries, main
from inference_bench.cli._command import Command
from inference_bench.errors import UsageError
from tests.command_line import run


@pytest.mark.parametrize("words", [("--version",), ("-V",), ("run", "--version"), ("list", "-V")])
def test_the_version_is_told(words):
    ended = run(*words)

    assert (ended.code, ended.out) == (0, f"inference_bench {inference_bench.__version__}\n")


def test_env_describes_the_machine_and_the_clock():
    text, data = run("env"), json.loads(run("env", "--json").out)

    assert (text.code, text.err) == (0, "")
    assert {"system", "cpu", "memory", "python", "packages", "fingerprint", "clock", "warnings"} <= set(data)
    assert data["fingerprint"] in text.out
    assert data["clock"]["source"] in text.out


def test_verbose_shows_the_traceback_before_the_line():
    ended = run("run", "--runs", "0", "-v")

    assert ended.code == 2
    assert ended.err.startswith("Traceback")
    assert ended.err.splitlines()[-1].startswith("error: runs: got '0'")


def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_bench", "list", "metrics", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (141, b"")


def test_a_terminal_without_unicode_is_no_error():
    ended = run("--help", PYTHONIOENCODING="ascii")

    assert (ended.code, ended.err) == (0, "")


class Fails(Command):
    """Fails as it is told to."""

    name = "fails"
    error: BaseException = RuntimeError("two\nlines")

    def add_arguments(self, parser):
        """Declare nothing."""

    def run(self, args):
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RuntimeError("two\nlines"), 1, "error: unexpected RuntimeError: two lines. Run again with -v"),
        (UsageError("no\nway"), 2, "error: no way\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (TimeoutError(), 1, "error: unexpected TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_is_one_line(monkeypatch, capsys, error, code, line):
    monkeypatch.setattr(_main, "load_command", lambda name: Fails())
    monkeypatch.setattr(Fails, "error", error)

    assert main(["fails"]) == code
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_broken_command_does_not_hide_the_others(monkeypatch, capsys):
    monkeypatch.setattr(_summaries, "command_names", lambda: ["list", "nonsense"])

    assert main([]) == 0
    out = capsys.readouterr().out
    assert "nonsense       broken: UnknownNameError" in out
    assert "List models" in out


@pytest.mark.parametrize("installed", [Path(sys.executable).with_name("inference-bench")])
def test_the_installed_script_is_the_same(installed):
    if not installed.exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([installed, "list", "suites"], capture_output=True, text=True, check=True)

    assert done.stdout == run("list", "suites").out


def test_progress_for_programs_is_one_object_a_line(tmp_path):
    ended = run(
        *("run", "--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4"),
        *("--quick", "--budget", "0.1", "--log-json", "-o", str(tmp_path)),
    )
    assert ended.code == 0
    events = [json.loads(line) for line in ended.err.splitlines()]

    names = [event["event"] for event in events]
    assert names[0] == "plan"
    assert names[-1] == "end"
    assert names.index("case_started") < names.index("case_ended")
    assert all(earlier["elapsed_ns"] <= later["elapsed_ns"] for earlier, later in pairwise(events))
    (case,) = events[0]["cases"]
    ended_case = next(event for event in events if event["event"] == "case_ended")
    assert (ended_case["case"], ended_case["status"], ended_case["cause"]) == (case["id"], "ok", None)
    ttft = next(figure for figure in ended_case["figures"] if figure["metric"] == "ttft")
    assert (ttft["unit"], ttft["phase"]) == ("ns", "prefill")
    # On a busy machine the samples may be worth too few independent ones for an interval.
    assert (ttft["low"] or 0) <= ttft["value"] <= (ttft["high"] or math.inf)
