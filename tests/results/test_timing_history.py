"""The file of timed functions' medians."""

from __future__ import annotations

import json
import math

import pytest

from inference_bench.errors import InferenceBenchError, RunFormatError, UsageError
from inference_bench.results.timing_history import (
    TimedRun,
    append_run,
    check_writable,
    read_history,
)

GOOD = b'{"t.py::a": 12.5, "run": {"machine": "m1", "workers": 2}}'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.jsonl"


def test_what_is_appended_is_read(path):
    append_run(path, {"t.py::a": 12.5}, {"machine": "m1", "workers": 1, "commit": None, "utc": "2026-01-01T00:00:00"})
    append_run(path, {"t.py::a": 13.0, "t.py::b": 2.0}, {"machine": "m2", "workers": 4})

    assert read_history(path) == [
        TimedRun({"t.py::a": 12.5}, "m1", 1, "2026-01-01T00:00:00"),
        TimedRun({"t.py::a": 13.0, "t.py::b": 2.0}, "m2", 4),
    ]


def test_lines_from_before_machines_were_recorded_are_read(path):
    path.write_text('{"t.py::a": 12}\n\n{"t.py::a": 13}')

    assert read_history(path) == [TimedRun({"t.py::a": 12.0}), TimedRun({"t.py::a": 13.0})]


def test_a_line_after_one_without_its_end_is_a_line_of_its_own(path):
    path.write_bytes(GOOD)
    append_run(path, {"t.py::a": 13.0}, {})

    assert [run.medians_ns["t.py::a"] for run in read_history(path)] == [12.5, 13.0]


@pytest.mark.parametrize(
    "line",
    [
        *(GOOD[:end] for end in range(1, len(GOOD))),  # cut off anywhere
        *(b"[]", b"1", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b"garbage", GOOD + GOOD),
        *(b'{"t.py::a": ' + value + b"}" for value in (b"NaN", b"Infinity", b"-1", b"0", b"true", b"null", b'"1"')),
        *(b'{"t.py::a": ' + value + b"}" for value in (b"1" + b"0" * 400, b"1" * 5000, b"1e999", b"[1]", b"{}")),
        *(
            b'{"run": ' + value + b"}"
            for value in (b"1", b"null", b'{"machine": 1}', b'{"workers": "2"}', b'{"utc": 1}')
        ),
    ],
)
def test_a_bad_line_is_an_error_with_its_number(path, line):
    path.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD + b"\n")

    with pytest.raises(RunFormatError, match=r"runs\.jsonl, line 2\b"):
        read_history(path)
    with pytest.raises(RunFormatError, match=r"runs\.jsonl, line 2\b"):
        check_writable(path)


@pytest.mark.parametrize("name", ["nowhere/runs.jsonl", "", "x" * 300])
def test_what_cannot_be_written_or_read_is_an_error(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be written"):
        check_writable(tmp_path / name)
    with pytest.raises(InferenceBenchError, match="cannot be read"):
        read_history(tmp_path / name)


def test_a_check_leaves_nothing_behind(path):
    check_writable(path)
    assert not path.exists()
    path.write_bytes(GOOD)
    check_writable(path)
    assert path.read_bytes() == GOOD


def test_nothing_that_is_no_number_is_written(path):
    with pytest.raises(ValueError):
        append_run(path, {"a": math.nan}, {})
    assert not path.exists()


def test_a_line_is_json_with_a_name_for_each_median(path):
    append_run(path, {"t.py::a": 12.5}, {"machine": "m1"})

    assert json.loads(path.read_text()) == {"t.py::a": 12.5, "run": {"machine": "m1"}}
