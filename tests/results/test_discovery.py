from __future__ import annotations

import shutil

import pytest

from inference_bench.errors import RunFormatError
from inference_bench.results.discovery import find_runs, open_runs
from tests.stored_run import FOLDER


@pytest.fixture
def root(tmp_path):
    for name in ("one", "below/two"):
        shutil.copytree(FOLDER, tmp_path / name)
    return tmp_path


def test_a_run_a_folder_and_a_pattern(root):
    assert find_runs(root / "one") == [root / "one"]
    assert find_runs(root) == [root / "below" / "two", root / "one"]
    assert find_runs(root / "b*") == [root / "below" / "two"]


@pytest.mark.parametrize(("place", "message"), [("nowhere", "no such folder"), ("", "no run in it"), ("x*", "no such")])
def test_a_place_without_runs(tmp_path, place, message):
    with pytest.raises(RunFormatError, match=message):
        find_runs(tmp_path / place)


def test_an_unreadable_run_is_reported_and_skipped(root):
    (root / "one" / "results.json").write_text("{")
    problems = []

    runs = open_runs(root, problems.append)

    assert [run.folder for run in runs] == [root / "below" / "two"]
    assert len(problems) == 1 and "not whole JSON" in problems[0]


def test_no_readable_run(root):
    (root / "one" / "results.json").write_text("{")

    with pytest.raises(RunFormatError, match="no readable run"):
        open_runs(root / "one", lambda _: None)
