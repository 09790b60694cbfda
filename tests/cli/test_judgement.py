"""``compare HISTORY NEW``: one new run, judged by the old ones, at the command line."""

from __future__ import annotations

import json

import pytest

from inference_bench.testing import make_case
from tests.command_line import call
from tests.results.stored_history import failed, result, write, write_history


def compare(*words, state=None):
    done = call("compare", *words, COLUMNS="200", XDG_STATE_HOME=str(state or "/nonexistent"))
    assert "Traceback" not in done.err
    return done


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    write_history(folder, 12)
    return folder


@pytest.mark.parametrize(("factor", "word", "code"), [(1.0, "1 OK", 0), (1.3, "1 SLOWER", 1), (0.7, "1 FASTER", 0)])
def test_one_new_run_and_several_old_ones_are_a_judgement(history, tmp_path, factor, word, code):
    done = compare(history, write(tmp_path, 20, result(20, factor=factor)).folder)

    assert (done.code, done.err) == (code, "")
    first = done.out.splitlines()[0]
    assert first == f"One new run (run-020), judged by 12 earlier runs of the same machine: {word}"


def test_a_suspect_has_an_exit_code_of_its_own(history, tmp_path):
    done = compare(history, write(tmp_path, 20, result(20, factor=1.3)).folder, "--margin", "0.4")

    assert done.code == 3
    assert "1 SUSPECT" in done.out.splitlines()[0]


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_every_format_has_the_verdict(history, tmp_path, form):
    done = compare("--baseline", history, write(tmp_path, 20, result(20, factor=1.3)).folder, "--format", form)

    assert done.code == 1
    assert "SLOWER" in done.out
    assert form != "json" or json.loads(done.out)["exit_code"] == 1


def test_metrics_can_be_named(history, tmp_path):
    done = compare(history, write(tmp_path, 20, result(20)).folder, "--metric", "itl,ttft", "--format", "json")

    assert [row["metric"] for row in json.loads(done.out)["rows"]] == ["ttft", "itl"]


def test_a_case_that_fails_exits_with_1(history, tmp_path):
    done = compare(history, write(tmp_path, 20, failed()).folder)

    assert done.code == 1
    assert "1 FAILED" in done.out.splitlines()[0]
    assert "killed by SIGSEGV" in done.out


def test_a_history_with_the_new_run_in_it(tmp_path):
    write_history(tmp_path, 9)
    new = write(tmp_path, 20, result(20, factor=1.3))

    done = compare(tmp_path, new.folder)

    assert done.code == 1
    assert "judged by 9 earlier runs" in done.out
    assert "The new run is in the history itself: left out there." in done.out


def test_a_history_of_another_machine_is_refused_in_one_line(tmp_path):
    for number in range(9):
        write(tmp_path / "history", number, result(number), machine="other")
    new = write(tmp_path, 20, result(20))

    done = compare(tmp_path / "history", new.folder)

    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert "nothing to judge the new run by: 9 earlier runs of another machine: not compared" in line
    assert compare(tmp_path / "history", new.folder, "--across-machines").code == 0


def test_a_history_of_two_runs_says_what_is_missing_and_compares_processes(tmp_path):
    write_history(tmp_path / "history", 2)
    new = write(tmp_path, 20, result(20))

    done = compare(tmp_path / "history", new.folder)

    assert done.code == 0
    (line,) = done.err.splitlines()
    assert "one new run cannot be judged: 2 earlier runs, expected 8 or more, or the A/A floor" in line
    assert "B against A, separate runs" in done.out


def test_changed_cases_are_told_and_compared_as_two_set_ups_are(history, tmp_path):
    done = compare(history, write(tmp_path, 20, result(20, make_case(input_length=99))).folder)

    (line,) = done.err.splitlines()
    assert "cannot be judged: no earlier run has a case and metric of the new one" in line
    assert "input_length 32 → 99" in done.out


def test_old_runs_that_cannot_be_read_are_told_and_left_out(tmp_path):
    runs = write_history(tmp_path / "history", 10)
    (runs[0].folder / "results.json").write_text("{")

    done = compare(tmp_path / "history", write(tmp_path, 20, result(20)).folder)

    assert done.code == 0
    assert "results.json" in done.err
    assert "judged by 9 earlier runs" in done.out


def lines(path, medians_ns):
    path.write_text("".join(json.dumps({"t.py::a": median_ns}) + "\n" for median_ns in medians_ns))
    return path


def test_files_of_the_pytest_plugin_are_judged_alike(tmp_path):
    old = [50_000 + 10 * number for number in range(12)]
    one = compare(lines(tmp_path / "one.jsonl", [*old, 90_000]))
    two = compare(lines(tmp_path / "old.jsonl", old), lines(tmp_path / "new.jsonl", [50_050]))

    assert (one.code, two.code) == (1, 0)
    assert "t.py::a" in one.out and "1 SLOWER" in one.out.splitlines()[0]
    assert "judged by 12 earlier runs" in two.out


@pytest.mark.parametrize(("medians", "text"), [([], "no run in it"), ([1.0], "nothing to judge the new run by")])
def test_files_without_earlier_runs_are_refused(tmp_path, medians, text):
    done = compare(lines(tmp_path / "x.jsonl", medians))

    assert (done.code, done.out) == (2, "")
    assert text in done.err
