"""Options of the command line and the ini file."""

from __future__ import annotations

import pytest


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


def test_options_may_stand_in_the_ini_file(suite):
    ini = "[pytest]\ninference_bench_save = mine.jsonl\ninference_bench_skip = yes\ninference_bench_precision = 3\n"
    (suite.folder / "pytest.ini").write_text(ini)
    ended = suite("--ib-precision", "0.1")
    assert "1 passed, 2 skipped" in ended.stdout

    refused = suite()
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "inference_bench_precision: got '3', expected between 0 and 0.5" in refused.stderr
