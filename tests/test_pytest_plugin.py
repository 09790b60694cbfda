"""The pytest plugin, in pytest processes of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

TESTS = """
    import time

    def test_timed(inference_bench):
        assert inference_bench(sum, [1, 2, 3]) == 6
        assert inference_bench.summary.n >= 30

    def test_slow(inference_bench):
        inference_bench(time.sleep, 0.001)
        assert inference_bench.summary.headline.value > 1_000_000

    def test_plain():
        pass
"""


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))

    def run(*words):
        command = [sys.executable, "-m", "pytest", "-p", "inference_bench.pytest_plugin", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
        words = ("--ib-budget", "0.2", *words)
        return subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, env=environment)

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run


def lines_of(ended, name):
    return next(line for line in ended.stdout.splitlines() if line.startswith(f"test_it.py::{name} "))


def test_a_line_a_test_with_its_interval(suite):
    ended = suite()

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout
    line = lines_of(ended, "test_slow")
    median, low, high = (float(x) for x in re.search(r"([\d.]+) ms +\[([\d.]+) ms, ([\d.]+) ms\]", line).groups())
    assert 1 <= low <= median <= high
    assert "test_plain" not in ended.stdout.partition("time of a call")[2]


@pytest.mark.parametrize(
    ("option", "outcome"), [("--ib-only", "2 passed, 1 skipped"), ("--ib-skip", "1 passed, 2 skipped")]
)
def test_only_or_none_of_those_that_time(suite, option, outcome):
    assert outcome in suite(option).stdout


def saved(suite, count, **medians):
    path = suite.folder / "runs.jsonl"
    names = {f"test_it.py::{name}": median for name, median in medians.items()}
    path.write_text("".join(json.dumps(names) + "\n" for _ in range(count)))
    return str(path)


def test_runs_are_saved_a_line_each_and_a_few_are_no_verdict(suite):
    path = str(suite.folder / "mine.jsonl")
    assert suite("--ib-save", path).returncode == 0
    assert suite("--ib-save", path).returncode == 0
    runs = [json.loads(line) for line in (suite.folder / "mine.jsonl").read_text().splitlines()]

    assert [set(run) for run in runs] == [{"test_it.py::test_timed", "test_it.py::test_slow"}] * 2
    ended = suite("--ib-compare", path, "--ib-fail", "0.000001")
    assert ended.returncode == 0
    assert "against 2 runs, cannot tell (needs 19)" in lines_of(ended, "test_slow")


def test_slower_than_all_of_enough_runs_fails_if_asked(suite):
    path = saved(suite, 19, test_slow=500_000, test_timed=10**9)

    told = suite("--ib-compare", path)
    assert told.returncode == 0
    assert "SLOWER than all" in lines_of(told, "test_slow")
    assert "FASTER than all" in lines_of(told, "test_timed")
    assert suite("--ib-compare", path, "--ib-fail", "0.05").returncode == 1
    assert suite("--ib-compare", path, "--ib-fail", "100000").returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ib-only", "--ib-skip"], "choose one of the two"),
        (["--ib-fail", "0.1"], "--ib-fail needs --ib-compare"),
        (["--ib-precision", "2"], "between 0 and 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(suite, words, message):
    ended = suite(*words)

    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_of_weight_is_imported_where_nobody_times():
    heavy = ("numpy", "torch", "pyarrow")
    code = f"import sys, inference_bench.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
