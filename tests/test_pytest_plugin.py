"""The pytest plugin, in pytest processes of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from dataclasses import fields
from datetime import datetime

import numpy as np
import pytest

from inference_bench.machine.environment import describe_environment
from inference_bench.pytest_plugin.foreign_options import FOREIGN_OPTIONS, answers
from inference_bench.pytest_plugin.options import Options

needs_xdist = pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="no pytest-xdist")

TESTS = """
    import time

    def test_timed(inference_bench):
        assert inference_bench(sum, [1, 2, 3]) == 6
        assert inference_bench.result.n >= 30

    def test_slow(inference_bench):
        inference_bench(time.sleep, 0.001)
        assert inference_bench.result.median_ns > 1_000_000

    def test_plain():
        pass
"""


@pytest.fixture
def suite(tmp_path):
    """Run pytest in a folder of its own; ``tests`` replaces its test file."""
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))

    def run(*words, tests=None, plugins=(), **variables):
        if tests is not None:
            (tmp_path / "test_it.py").write_text(textwrap.dedent(tests))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        for plugin in ("inference_bench.pytest_plugin", *plugins):
            command += ["-p", plugin]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "250", **variables}
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


def saved(suite, count, *, run=None, **medians):
    """Write a history of slightly different medians."""
    path = suite.folder / "runs.jsonl"
    facts = {} if run is None else {"run": run}
    lines = [
        {f"test_it.py::{name}": median * (1 + number / 1000) for name, median in medians.items()} | facts
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def runs_in(suite, name):
    return [json.loads(line) for line in (suite.folder / name).read_text().splitlines()]


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


def test_a_second_use_is_a_second_row(suite):
    tests = """
        import time

        def test_two(inference_bench):
            inference_bench(time.sleep, 0.002)
            inference_bench(sum, [1])
    """
    ended = suite("--ib-save", "mine.jsonl", tests=tests)
    (run,) = runs_in(suite, "mine.jsonl")

    assert "test_it.py::test_two #2 " in ended.stdout
    assert run["test_it.py::test_two"] > 2e6 > run["test_it.py::test_two #2"]


def test_a_coroutine_function_is_awaited(suite):
    tests = """
        import asyncio

        async def work(): await asyncio.sleep(0.002)

        def test_work(inference_bench):
            inference_bench(work)

        def test_lazy(inference_bench):
            inference_bench(lambda: work())
    """
    ended = suite("-W", "error", tests=tests)

    assert "1 failed, 1 passed" in ended.stdout
    assert "ms" in lines_of(ended, "test_work")
    assert "returned a coroutine that nothing has run: time a coroutine function" in ended.stdout


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


def test_options_of_pytest_benchmark_are_answered_by_those_here(suite):
    ended = suite("--benchmark-only", "--benchmark-compare-fail=mean:5%", "--benchmark-only")

    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert ended.stderr.split("ERROR: ")[1:] == [
        "--benchmark-only is an option of pytest-benchmark, which is not installed. Here it is --ib-only.\n\n",
        "--benchmark-compare-fail is an option of pytest-benchmark, which is not installed. "
        "Here it is --ib-compare FILE --ib-fail FRACTION. 5 % is 0.05.\n\n",
    ]


def test_options_of_pytest_benchmark_are_its_own_where_a_plugin_declares_them(suite):
    (suite.folder / "other_plugin.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--benchmark-only', action='store_true')\n"
    )
    theirs = {"plugins": ("other_plugin",), "PYTHONPATH": str(suite.folder)}

    assert suite("--benchmark-only", tests="def test_it(): pass", **theirs).returncode == 0
    mixed = suite("--benchmark-only", "--benchmark-skip", **theirs)
    assert mixed.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--benchmark-skip is an option" in mixed.stderr
    assert "--benchmark-only is an option" not in mixed.stderr


@pytest.mark.parametrize("option", FOREIGN_OPTIONS, ids=lambda option: option.names[0])
def test_what_says_the_same_as_an_option_of_pytest_benchmark_exists(option):
    known = {f"--ib-{field.name.removesuffix('_s')}" for field in fields(Options)}
    for word in f"{option.here} {option.note}".split():
        if word.startswith("--ib-"):
            assert word.rstrip(".") in known
    assert option.here or option.note


def test_each_option_of_pytest_benchmark_is_answered_once():
    names = [name for option in FOREIGN_OPTIONS for name in option.names]

    assert len(set(names)) == len(names)
    assert "`pytest --help`" in answers(["--benchmark-nonsense", "-x"])[0]


@needs_xdist
def test_workers_of_xdist_make_one_table_one_line_and_one_verdict(suite):
    xdist = {"plugins": ("xdist.plugin",)}
    path = saved(suite, 19, test_slow=500_000)

    plain = suite("-n", "2", "--ib-save", "mine.jsonl", **xdist)
    assert plain.returncode == 0, plain.stdout
    assert "Timed in 2 processes at once" in plain.stdout
    assert lines_of(plain, "test_slow") and lines_of(plain, "test_timed")
    (run,) = runs_in(suite, "mine.jsonl")
    assert set(run) == {"test_it.py::test_timed", "test_it.py::test_slow", "run"}
    assert run["run"]["workers"] == 2
    failed = suite("-n", "2", "--ib-compare", path, "--ib-fail", "0.05", **xdist)
    assert failed.returncode == 1
    assert "SLOWER than all" in lines_of(failed, "test_slow")
    assert "FAILED test_it.py::test_slow - SLOWER" in failed.stdout


@needs_xdist
def test_runs_in_more_processes_are_not_compared_with_runs_in_one(suite):
    path = saved(suite, 8, run={"machine": describe_environment()["fingerprint"], "workers": 1}, test_slow=500_000)

    ended = suite("-n", "2", "--ib-compare", path, "--ib-fail", "0.05", plugins=("xdist.plugin",))

    assert ended.returncode == 0
    assert "8 earlier runs timed in another number of processes than 2: not compared" in ended.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ib-only", "--ib-skip"], "choose one of the two"),
        (["--ib-fail", "0.1"], "--ib-fail needs --ib-compare"),
        (["--ib-precision", "2"], "--ib-precision: got '2', expected between 0 and 0.5"),
        (["--ib-precision", "nan"], "between 0 and 0.5"),
        (["--ib-budget", "nan"], "more than 0 seconds"),
        (["--ib-budget", "inf"], "more than 0 seconds"),
        (["--ib-fail", "nan", "--ib-compare", "x"], "expected 0 or more"),
        (["--ib-fail", "-1", "--ib-compare", "x"], "expected 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(suite, words, message):
    ended = suite(*words)

    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_disabled_functions_are_called_once_and_not_timed(suite):
    tests = """
        import asyncio

        calls = []

        async def work(number): calls.append(number); return number

        def test_one(inference_bench):
            assert inference_bench.with_options(setup=lambda: 7)(work) == 7
            assert calls == [7]
            assert not inference_bench.enabled and inference_bench.results == []

        def test_result(inference_bench):
            inference_bench(sum, [1])
            assert inference_bench.result.median_ns < 1

        def test_lazy(inference_bench):
            inference_bench(lambda: work(1))
    """
    ended = suite("--ib-disable", "--ib-save", "mine.jsonl", "-rs", "-W", "error", tests=tests)

    assert "1 failed, 1 passed, 1 skipped" in ended.stdout
    assert "SKIPPED [1] " in ended.stdout and "--ib-disable: nothing was timed" in ended.stdout
    assert "nothing is timed (--ib-disable)" in ended.stdout
    assert not (suite.folder / "mine.jsonl").exists()


def test_the_result_is_there_after_a_use(suite):
    tests = """
        import pytest
        from inference_bench import UsageError

        def test_it(inference_bench):
            with pytest.raises(UsageError, match="nothing was timed yet"):
                inference_bench.result
            inference_bench(sum, [1])
            low, high = inference_bench.result.interval
            assert 0 < low <= inference_bench.result.median_ns <= high
            assert inference_bench.result.converged and inference_bench.results == [inference_bench.result]
    """.replace("from inference_bench import UsageError", "from inference_bench.errors import UsageError")
    ended = suite("--ib-budget", "5", "--ib-precision", "0.4", "-W", "error", tests=tests)

    assert ended.returncode == 0, ended.stdout


def test_setup_makes_the_arguments_of_each_call_untimed(suite):
    tests = """
        import time

        def make():
            time.sleep(0.003)
            return [2, 1]

        def test_sort(inference_bench):
            assert inference_bench.with_options(setup=make, min_calls=5)(list.sort) is None
            assert inference_bench.result.median_ns < 1_000_000
    """
    assert "1 passed" in suite(tests=tests).stdout


GROUPED = """
    import time

    def test_slow(inference_bench):
        inference_bench.extra_info["rows"] = 3
        inference_bench.extra_info["odd"] = {(1, 2), float("nan")}
        inference_bench.with_options(group="sorting")(time.sleep, 0.004)

    def test_alone(inference_bench):
        inference_bench(sum, [1])

    def test_fast(inference_bench):
        inference_bench.with_options(group="sorting")(time.sleep, 0.001)
"""


def grouped_as_expected(suite, ended):
    assert ended.returncode == 0, ended.stdout
    table = ended.stdout.partition("time of a call")[2]
    assert re.search(r"^group sorting\ntest .*× fastest\n", table, re.M)
    assert float(lines_of(ended, "test_slow").split()[-1]) > 1
    assert lines_of(ended, "test_fast").endswith(" 1.00")
    assert re.search(r" (yes|NO: .+)$", lines_of(ended, "test_alone"))
    (run,) = runs_in(suite, "mine.jsonl")
    assert list(run["run"]["extra_info"]) == ["test_it.py::test_slow"]
    assert run["run"]["extra_info"]["test_it.py::test_slow"]["rows"] == 3


def test_groups_have_a_table_each_and_facts_are_saved(suite):
    grouped_as_expected(suite, suite("--ib-save", "mine.jsonl", tests=GROUPED))


@needs_xdist
def test_groups_and_facts_come_from_the_workers_of_xdist(suite):
    grouped_as_expected(suite, suite("-n", "2", "--ib-save", "mine.jsonl", tests=GROUPED, plugins=("xdist.plugin",)))


def test_options_may_stand_in_the_ini_file(suite):
    ini = "[pytest]\ninference_bench_save = mine.jsonl\ninference_bench_skip = yes\ninference_bench_precision = 3\n"
    (suite.folder / "pytest.ini").write_text(ini)
    ended = suite("--ib-precision", "0.1")
    assert "1 passed, 2 skipped" in ended.stdout

    refused = suite()
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "inference_bench_precision: got '3', expected between 0 and 0.5" in refused.stderr


def test_nothing_of_weight_is_imported_where_nobody_times():
    heavy = ("numpy", "torch", "pyarrow")
    code = f"import sys, inference_bench.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
