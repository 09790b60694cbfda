"""What a test gets from the fixture, and the line that a timed function gets."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.pytest_plugin.suite import lines_of, runs_in


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
            inference_bench(sorted, list(range(1000)))  # longer than the clock's resolution
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


def test_nothing_of_weight_is_imported_where_nobody_times():
    heavy = ("numpy", "torch", "pyarrow")
    code = f"import sys, inference_bench.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
