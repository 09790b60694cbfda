"""``run --gate``: real runs of a function in a git repository, judged on arrival."""

from __future__ import annotations

import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from inference_bench.analysis.comparison_result import Verdict
from inference_bench.cli._gate import confirmed_code, old_commit
from inference_bench.provenance.record import CodeState
from tests.command_line import call

WORK = """
from inference_bench import benchmark

@benchmark
def work():
    sum(range({count}))
"""


def gate(project, *words):
    """Measure ``work`` once, shortly, in the folder of the project."""
    limits = ("--quick", "--budget", "0.1", "--threads", "1", "--benchmarks-dir", "mine", "--benchmark", "work")
    done = call("run", *limits, *words, cwd=project, COLUMNS="200", XDG_STATE_HOME="/nonexistent")
    assert "Traceback" not in done.err
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with two commits, and one run of the second."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mine").mkdir()
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    for count in (1000, 2000):
        (folder / "mine" / "benchmark_work.py").write_text(WORK.format(count=count))
        for words in (("add", "-A"), ("commit", "-q", "-m", str(count)), ("tag", f"count-{count}")):
            subprocess.run([*git, *words], check=True)
    assert gate(folder, "--output", "first").code == 0
    return folder


def history_of(project, name, factor, *, commit=None, machine=None, count=9):
    """Copy the first run ``count`` times, with its figures times a factor."""
    (first,) = (project / "first").iterdir()
    for number in range(count):
        folder = shutil.copytree(first, project / name / f"old-{number}")
        record = json.loads((folder / "run.json").read_bytes())
        record |= {"id": folder.name, "created_utc": f"2020-01-01T00:00:0{number}+00:00"}
        if commit:
            record["provenance"]["code"]["commit"] = commit
        if machine:
            record["environment"]["fingerprint"] = machine
        (folder / "run.json").write_text(json.dumps(record))
        results = json.loads((folder / "results.json").read_bytes())
        results["results"][0]["samples"] = None  # they have the figures of the first run
        for summary in results["results"][0]["summaries"]:
            summary["quantiles"]["p50"]["value"] *= factor * (1 + number / 1000)
        (folder / "results.json").write_text(json.dumps(results))
    return name


def test_a_folder_that_is_empty_begins_a_history(project):
    begun = gate(project, "--output", "begun", "--gate", "begun")
    again = gate(project, "--output", "begun", "--gate", "begun")

    assert (begun.code, again.code) == (0, 0)
    assert "the new run is not judged: no earlier run of this machine" in begun.err
    assert "the new run is not judged: 1 earlier run, expected 8 or more" in again.err


@pytest.mark.parametrize(("factor", "word", "code"), [(100, "FASTER", 0), (0.001, "SLOWER", 1)])
def test_the_judgement_stands_under_the_report_and_decides_the_exit_code(project, factor, word, code):
    history = history_of(project, f"history-{factor}", factor)

    done = gate(project, "--output", "new", "--gate", history, "--margin", "0.5", "--metric", "call_time")

    assert done.code == code
    report, _, judgement = done.out.partition("One new run (")
    assert "call" in report
    assert judgement.splitlines()[0].endswith(f"judged by 9 earlier runs of the same machine: 1 {word}")


def test_a_history_of_another_machine_is_told(project):
    done = gate(project, "--output", "new", "--gate", history_of(project, "others", 1, machine="other"))

    assert done.code == 2
    assert "9 earlier runs of another machine: not compared." in done.err


def test_a_suspect_run_is_confirmed_against_the_commit_of_the_newest_old_run(project):
    commit = subprocess.run(
        ["git", "-C", str(project), "rev-parse", "count-1000"], check=True, capture_output=True, text=True
    ).stdout.strip()
    history = history_of(project, "history-confirm", 0.001, commit=commit)

    done = gate(project, "--output", "confirmed", "--gate", history, "--confirm", "--time", "0.1")

    assert done.code == 3  # one pair settles nothing
    assert f"revision={commit}" in done.out
    assert "Measured in turn, A B B A …: 1 pair (time spent)" in done.out.replace("\n", " ")
    (pairs,) = (project / "confirmed").glob("*-ab")
    assert len(list(pairs.glob("*/run.json"))) == 2


def test_without_an_old_commit_the_single_verdict_stands(project):
    history = history_of(project, "history-same", 0.001)

    done = gate(project, "--output", "new", "--gate", history, "--confirm")

    assert done.code == 1
    assert "not confirmed: no old run names the commit of other code; name one by --gate-baseline REF" in done.err


def test_without_a_repository_the_single_verdict_stands(project, tmp_path):
    shutil.copytree(project / "mine", tmp_path / "mine")
    shutil.copytree(project / "first", tmp_path / "first")
    history = history_of(tmp_path, "history", 0.001, commit="1" * 40)

    done = gate(tmp_path, "--output", "new", "--gate", history, "--confirm")

    assert done.code == 1
    assert "not confirmed: mine is in no git repository" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--confirm"], "--confirm needs --gate HISTORY"),
        (["--gate-baseline", "main"], "--gate-baseline needs --gate HISTORY"),
        (["--gate", "nowhere/at/all"], "nowhere/at/all: no such folder"),
        (["--gate", "first", "--format", "json"], "expected console, markdown, github with --gate"),
        (["--gate", "first", "--metric", "ttfd"], "unknown metric 'ttfd'"),
        (["--gate", "first", "--gate-baseline", "main"], "--gate-baseline needs --confirm"),
        (["--gate", "first", "--confirm", "--gate-baseline", "nope"], "revision: got 'nope'"),
        (["--ab", "threads=1", "threads=2", "--gate", "first"], "expected no --gate with --ab"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_measured(project, words, message):
    done = gate(project, "--output", "refused", *words)

    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (project / "refused").exists()


def rows(*verdicts):
    found = [SimpleNamespace(verdict=verdict) for verdict in verdicts]
    return SimpleNamespace(rows=found, is_worse=Verdict.WORSE in verdicts)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.SAME, Verdict.BETTER], 0),
        ([Verdict.SAME, Verdict.WORSE], 1),
        ([Verdict.SAME, Verdict.WORSE_OPEN], 3),
        ([Verdict.INCONCLUSIVE], 3),
        ([], 3),
    ],
)
def test_the_verdict_of_the_pairs_decides(verdicts, code):
    assert confirmed_code(rows(*verdicts)) == code


A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("new", "earlier", "commit"),
    [
        (CodeState(A, changed_files=0), [CodeState(A, changed_files=0)], ""),
        (CodeState(A, "", changed_files=0), [CodeState(A, "main", changed_files=0)], ""),
        (CodeState(A), [CodeState(A, changed_files=0)], ""),  # git was too slow: it may be the same code
        (CodeState(A, changed_files=0), [CodeState(A)], ""),
        (CodeState(A, changed_files=1, changes_digest="1"), [CodeState(A, changed_files=0)], A),
        (CodeState(A, changed_files=0), [CodeState(B, changed_files=1), CodeState("c" * 40)], "c" * 40),
        (CodeState(A), [None, CodeState(B, changed_files=0), CodeState("c" * 40, changed_files=0)], B),
        (None, [CodeState(B, changed_files=0)], B),
        (CodeState(A, changed_files=0), [], ""),
    ],
)
def test_the_old_commit_is_certainly_other_code(new, earlier, commit):
    assert old_commit(new, earlier) == commit
