"""Options of pytest-benchmark, answered by those here."""

from __future__ import annotations

from dataclasses import fields

import pytest

from inference_bench.pytest_plugin.foreign_options import FIXTURE_ANSWER, FOREIGN_OPTIONS, answers
from inference_bench.pytest_plugin.options import Options


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


def test_the_fixture_of_pytest_benchmark_is_answered_below_the_error(suite):
    ended = suite(tests="def test_it(benchmark): pass\ndef test_that(nonsense): pass")

    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    of_theirs, _, of_another = ended.stdout.partition("ERROR at setup of test_that")
    assert "fixture 'benchmark' not found" in of_theirs
    assert FIXTURE_ANSWER in of_theirs
    assert FIXTURE_ANSWER not in of_another


def test_a_fixture_of_that_name_is_its_own(suite):
    tests = "import pytest\n@pytest.fixture\ndef benchmark(): return 1\ndef test_it(benchmark): assert benchmark == 1"

    assert suite(tests=tests).returncode == 0


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
