"""Tables of groups, and tests shared among the workers of pytest-xdist."""

from __future__ import annotations

import re

from inference_bench.machine.environment import describe_environment
from tests.pytest_plugin.suite import lines_of, needs_xdist, runs_in, saved


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
