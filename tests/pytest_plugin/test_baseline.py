"""Runs that are saved, and a run judged by earlier ones."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import datetime

import numpy as np
import pytest

from inference_bench.machine.environment import describe_environment
from tests.pytest_plugin.suite import lines_of, runs_in, saved


def test_runs_are_saved_a_line_each_and_a_few_are_no_verdict(suite):
    path = str(suite.folder / "mine.jsonl")
    assert suite("--ib-save", path).returncode == 0
    assert suite("--ib-save", path).returncode == 0

    assert [set(run) for run in runs_in(suite, path)] == [
        {"test_it.py::test_timed", "test_it.py::test_slow", "run"}
    ] * 2
    ended = suite("--ib-compare", path, "--ib-fail", "0.000001")
    assert ended.returncode == 0
    assert "against 2 runs, cannot tell (needs 8)" in lines_of(ended, "test_slow")
    assert "judged 0 of 2 timed functions" in ended.stdout
    assert "NOT JUDGED, for a verdict needs 8 earlier runs: test_it.py::test_timed (2 earlier)" in ended.stdout


def test_a_saved_run_tells_where_and_of_what_it_is(suite):
    def git(*words):
        names = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", *names, *words], cwd=suite.folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    suite("--ib-save", "mine.jsonl")
    (facts,) = (run["run"] for run in runs_in(suite, "mine.jsonl"))

    assert re.fullmatch("[0-9a-f]{40,64}", facts["commit"])
    assert facts["changed_files"] == 0
    assert facts["machine"] == describe_environment()["fingerprint"]
    assert facts["python"] == platform.python_version()
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["workers"] == 1
    assert datetime.fromisoformat(facts["utc"]).tzinfo is not None


def test_slower_than_expected_fails_if_asked_and_says_which(suite):
    path = saved(suite, 19, test_slow=500_000, test_timed=10**9)

    told = suite("--ib-compare", path)
    assert told.returncode == 0
    assert "against 19 runs, SLOWER than all" in lines_of(told, "test_slow")
    assert "against 19 runs, FASTER than all" in lines_of(told, "test_timed")
    failed = suite("--ib-compare", path, "--ib-fail", "0.05")
    assert failed.returncode == 1
    assert "1 failed, 2 passed" in failed.stdout
    summary = r"^FAILED test_it.py::test_slow - SLOWER, \+[\d.]+%: \S+ ms against 50\d µs, the median of 19"
    assert re.search(summary, failed.stdout, re.M)
    assert "SLOWER than all" in lines_of(failed, "test_slow")
    assert suite("--ib-compare", path, "--ib-fail", "100000").returncode == 0


def test_one_slow_run_in_the_history_does_not_disable_the_gate(suite):
    path = saved(suite, 19, test_slow=500_000)
    with open(path, "a") as file:
        file.write('{"test_it.py::test_slow": 1e12}\n')

    ended = suite("--ib-compare", path, "--ib-fail", "0.05")

    assert ended.returncode == 1
    assert "against 20 runs, SUSPECT (1 as slow)" in lines_of(ended, "test_slow")


def test_one_file_for_both_is_compared_before_it_is_saved(suite):
    path = saved(suite, 8, test_slow=500_000)
    failed = suite("--ib-compare", path, "--ib-save", path, "--ib-fail", "0.05")

    assert failed.returncode == 1
    assert "against 8 runs, SLOWER than all" in lines_of(failed, "test_slow")
    assert "Not saved to" in failed.stdout
    assert len(runs_in(suite, path)) == 8
    passed = suite("--ib-compare", path, "--ib-save", path)
    assert passed.returncode == 0
    assert "against 8 runs, SLOWER than all" in lines_of(passed, "test_slow")
    assert len(runs_in(suite, path)) == 9


def test_the_first_run_may_begin_its_own_baseline(suite):
    ended = suite("--ib-compare", "new.jsonl", "--ib-save", "new.jsonl", "--ib-fail", "0.05")

    assert ended.returncode == 0
    assert "new, cannot tell (needs 8)" in lines_of(ended, "test_slow")
    assert len(runs_in(suite, "new.jsonl")) == 1


FAILING = {
    "fails": "def test_bad(inference_bench):\n    inference_bench(len, 'x')\n    assert False\n",
    "fails in teardown": """
import pytest

@pytest.fixture
def broken():
    yield
    raise ValueError

def test_bad(broken, inference_bench):
    inference_bench(len, 'x')
""",
    "elsewhere": """
def test_bad():
    assert False

def test_good(inference_bench):
    inference_bench(len, 'x')
""",
}


@pytest.mark.parametrize("tests", FAILING.values(), ids=FAILING)
def test_a_run_with_a_failed_test_is_not_saved(suite, tests):
    ended = suite("--ib-save", "mine.jsonl", tests=tests)

    assert ended.returncode == 1
    assert "Not saved to mine.jsonl" in ended.stdout
    assert not (suite.folder / "mine.jsonl").exists()


@pytest.mark.parametrize("how", ["pytest.skip('x')", "pytest.xfail('x')"])
def test_a_test_that_did_not_pass_is_neither_saved_nor_judged(suite, how):
    path = saved(suite, 8, test_bad=0.001)
    tests = f"""
        import pytest

        def test_bad(inference_bench):
            inference_bench(sum, [1])
            {how}

        def test_good(inference_bench):
            inference_bench(sum, [1])
    """
    ended = suite("--ib-save", "mine.jsonl", "--ib-compare", path, "--ib-fail", "0.05", tests=tests)

    assert ended.returncode == 0
    assert [set(run) for run in runs_in(suite, "mine.jsonl")] == [{"test_it.py::test_good", "run"}]
    assert "neither saved nor compared" in lines_of(ended, "test_bad")


def test_a_test_expected_to_fail_is_not_judged(suite):
    path = saved(suite, 8, test_bad=0.001)
    tests = """
        import pytest

        @pytest.mark.xfail(strict=False)
        def test_bad(inference_bench):
            inference_bench(sum, [1])
    """
    ended = suite("--ib-compare", path, "--ib-fail", "0.05", tests=tests)

    assert ended.returncode == 0
    assert "1 xpassed" in ended.stdout


def test_runs_of_another_machine_are_not_compared(suite):
    path = saved(suite, 19, run={"machine": "another", "workers": 1}, test_slow=500)

    ended = suite("--ib-compare", path, "--ib-fail", "0.05")

    assert ended.returncode == 0
    assert "19 earlier runs of another machine: not compared." in ended.stdout
    assert "new, cannot tell" in lines_of(ended, "test_slow")
    assert "judged 0 of 2" in ended.stdout


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        (["--ib-save", "nowhere/x.jsonl"], None, "nowhere/x.jsonl: cannot be written (No such file or directory)"),
        (["--ib-save", "."], None, "cannot be written (not a regular file)"),
        (["--ib-save", "bad.jsonl"], '{"a": 1}\n{"a": ', "bad.jsonl, line 2: no JSON"),
        (["--ib-compare", "missing.jsonl"], None, "missing.jsonl: cannot be read (No such file or directory)"),
        (["--ib-compare", "missing.jsonl", "--ib-save", "other.jsonl"], None, "missing.jsonl: cannot be read"),
        (["--ib-compare", "."], None, "cannot be read (Is a directory)"),
        (
            ["--ib-compare", "bad.jsonl"],
            '{"a": 1}\n\n{"a": true}',
            "bad.jsonl, line 3, 'a': expected a positive number",
        ),
    ],
)
def test_files_are_found_wrong_before_a_test_runs(suite, words, text, message):
    if text is not None:
        (suite.folder / "bad.jsonl").write_text(text)
    ended = suite(*words, "-s", tests="def test_it(inference_bench):\n    print('RAN')\n")

    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in ended.stderr
    assert "RAN" not in ended.stdout
    assert "Traceback" not in ended.stderr
