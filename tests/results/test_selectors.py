"""Runs by what people call them, and what a name that is wrong is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference_bench.errors import RunFormatError
from inference_bench.provenance.record import CodeState, Provenance
from inference_bench.results.discovery import find_folders, find_runs, open_runs
from inference_bench.results.pairing import write_pairing
from inference_bench.results.run import load_run
from inference_bench.results.run_folder import create_run_folder, is_in_progress, locked
from inference_bench.results.selectors import RunArchive, select_run
from inference_bench.results.sink import open_sinks
from inference_bench.testing import make_record, make_result

FIRST = datetime(2026, 11, 23, 20, 15, 30, tzinfo=UTC)
RESULT = make_result({"ttft": [[5_000_000] * 40]})
COMMIT, OTHER = "1a2b3c4" + "0" * 33, "1a2bfff" + "0" * 33


def write(root, minute, *, finished=True, label="", tags=None, commit=None):
    """Write a run that began at a minute."""
    folder = create_run_folder(root, FIRST + timedelta(minutes=minute))
    code = CodeState(commit, changed_files=0) if commit else None
    provenance = Provenance(code=code, label=label, tags=tags or {})
    record = replace(make_record(RESULT, id=folder.name), provenance=provenance, finished=finished)
    sink = open_sinks(folder)
    sink.begin(record)
    sink.write(RESULT, record)
    sink.finish(record)
    return folder


def write_ab(root, minute, **marks):
    folder = root / f"{FIRST + timedelta(minutes=minute):%Y%m%dT%H%M%SZ}-abcdef-ab"
    runs = [write(folder, minute + after, **marks) for after in (0, 1)]
    write_pairing(folder, ("a", "b"), [run.name for run in runs], 0.95)
    return folder, runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("output")
    write(root, 0, label="old", tags={"pull": "1"}, commit=COMMIT)
    write(root, 1, label="twice", tags={"pull": "2"}, commit=COMMIT)
    write(root, 2, label="twice", tags={"pull": "2", "branch": "a/b"}, commit=OTHER)
    return root


@pytest.fixture(scope="module")
def runs(root):
    return sorted(root.iterdir())


@pytest.mark.parametrize(
    ("word", "places"),
    [
        ("latest", [2]),
        ("latest~0", [2]),
        ("latest~2", [0]),
        ("old", [0]),
        ("tag:pull=1", [0]),
        ("tag:pull=2", [2, 1]),
        ("tag:branch=a/b", [2]),
        ("commit:1a2b3", [1, 0]),
        ("commit:1A2BF", [2]),
        ("20261123T2016", [1]),
    ],
)
def test_a_selector_names_runs_newest_first(root, runs, word, places):
    assert RunArchive(root).select(word) == [runs[place] for place in places]
    assert find_runs(word, root) == [runs[place] for place in places]
    assert [run.folder for run in open_runs(word, pytest.fail, root)] == [runs[place] for place in places]
    if len(places) == 1:
        assert select_run(word, root) == runs[places[0]]


def test_a_whole_id_a_path_and_a_folder_of_runs_are_names_too(root, runs):
    assert select_run(runs[1].name, root) == runs[1]
    assert select_run(str(runs[1]), root) == runs[1]
    assert select_run(str(root), root / "elsewhere") == runs[2]
    assert find_folders(str(root), root) == [root]
    assert find_folders(f"{root}/*", root) == runs


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("twice", r"twice: 2 runs bear this label \(\d+T\d+Z-\w+, \d+T\d+Z-\w+\). Name one by its id; latest is"),
        ("latest~3", r"latest~3: .* holds 3 runs; latest~2 is the oldest"),
        ("latest~x", r"latest~x: expected latest, or latest~1"),
        ("latest~", r"expected latest, or latest~1"),
        (
            "nightly",
            r"nightly: no such folder, and no run in .* has this label or id. Expected latest, .* The newest is",
        ),
        ("2026", r"2026: 3 ids begin so \(.*\). Give more of it"),
        ("20261123T2099", r"no run in .* has this label or id"),
        ("tag:pull", r"tag:pull: expected tag:KEY=VALUE"),
        ("tag:pull=3", r"tag:pull=3: no run in .* has it; its values are 2, 1"),
        ("tag:pul=3", r"no run has a tag of this name"),
        ("commit:1a2b", r"commit:1a2b: 2 commits begin so \(1a2bfff0, 1a2b3c40\)"),
        ("commit:1a2", r"expected commit: and the first 4 digits"),
        ("commit:main", r"expected commit: and the first 4 digits"),
        ("commit:ffff", r"no run in .* is of this commit"),
    ],
)
def test_a_name_that_is_wrong_is_one_line(root, word, message):
    for select in (
        lambda: RunArchive(root).select(word),
        lambda: select_run(word, root),
        lambda: find_runs(word, root),
    ):
        with pytest.raises(RunFormatError, match=message) as error:
            select()
        assert "\n" not in str(error.value)


def test_one_run_is_expected_where_several_share_a_tag(root):
    with pytest.raises(RunFormatError, match=r"tag:pull=2: 2 runs, expected one \(.*\). Name one by its id"):
        select_run("tag:pull=2", root)


@pytest.mark.parametrize("word", ["latest", "nightly", "tag:a=b"])
def test_without_any_run_the_command_that_writes_one_is_named(tmp_path, word):
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunFormatError, match=r"no run in .*: `run` writes one"):
            select_run(word, root)


def test_runs_of_ab_are_one_entry_for_comparing_and_none_for_a_report(root, tmp_path):
    first = write(tmp_path, 0, label="before")
    folder, members = write_ab(tmp_path, 5, label="pair", commit=COMMIT)
    last = write(tmp_path, 10)

    assert find_folders("latest~1", tmp_path) == find_folders("pair", tmp_path) == [folder]
    assert find_folders("commit:1a2b", tmp_path) == [folder]
    assert find_runs("pair", tmp_path) == members
    assert (select_run("latest", tmp_path), select_run("latest~2", tmp_path)) == (last, first)
    for word in ("latest~1", "pair", str(folder)):
        with pytest.raises(RunFormatError, match=r"holds the 2 runs of one command, expected a run. `compare") as error:
            select_run(word, tmp_path)
        assert members[0].name in str(error.value)
    assert select_run(str(members[0]), tmp_path) == members[0]


def test_one_side_of_ab_is_found_by_its_own_commit(tmp_path):
    folder, _ = write_ab(tmp_path, 0)
    member = write(folder, 9, commit=OTHER)
    assert find_folders("commit:1a2bf", tmp_path) == [member]


def test_what_is_no_run_and_what_is_damaged_does_not_count(tmp_path):
    good = write(tmp_path, 0, label="good")
    bad = write(tmp_path, 1, label="bad")
    (bad / "run.json").write_text("{")
    (tmp_path / "notes").mkdir()
    (tmp_path / "20271123T201530Z-abcdef").mkdir()  # of a run that was killed before it began

    assert select_run("good", tmp_path) == good
    assert select_run("latest", tmp_path) == bad
    with pytest.raises(RunFormatError, match="not whole JSON"):
        load_run(bad)
    with pytest.raises(RunFormatError, match="has this label"):
        select_run("bad", tmp_path)


def test_a_renamed_run_counts_by_its_own_time(tmp_path):
    write(tmp_path, 5)
    write(tmp_path, 0).rename(tmp_path / "zzz")  # its record was begun at midnight of the first of January

    assert RunArchive(tmp_path).entries[-1].folder == tmp_path / "zzz"
    assert select_run("latest", tmp_path).name.startswith("2026")


def test_a_folder_named_like_a_selector_is_reached_as_a_path(tmp_path, monkeypatch):
    run = write(tmp_path / "other", 0)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 0).rename(tmp_path / "latest")
    assert select_run("latest", tmp_path / "other") == run
    assert load_run(select_run("./latest", tmp_path / "other")).results


def test_a_run_in_progress_is_told(tmp_path):
    folder = write(tmp_path, 0, finished=False)
    told = []
    with locked(folder):
        assert is_in_progress(folder)
        assert load_run(folder).is_in_progress
        open_runs("latest", told.append, tmp_path)
    assert told == [f"{folder} is in progress: 1 of 1 case."]
    assert not is_in_progress(folder)
    assert not load_run(folder).is_in_progress


def test_looking_at_a_run_does_not_stop_a_process_from_writing_it(tmp_path):
    folder = write(tmp_path, 0, finished=False)
    for _ in range(20):
        assert not is_in_progress(folder)
        with locked(folder):
            pass


def test_the_default_folder_is_named_by_a_variable(tmp_path, monkeypatch):
    folder = write(tmp_path / "mine", 0)
    monkeypatch.setenv("INFERENCE_BENCH_OUTPUT", str(tmp_path / "mine"))
    assert find_runs("latest") == [folder]
    monkeypatch.delenv("INFERENCE_BENCH_OUTPUT")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFormatError, match="no run in benchmark_results"):
        find_runs("latest")
