"""The commit and the user's marks of a run, from the command line to every file and report."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys

import orjson
import pytest

from inference_bench.results.run import load_run
from inference_bench.results.tables import load_runs
from tests.command_line import call

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")

QUICK = ["--quick", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4", "--budget", "0.2"]


def git(folder, *words):
    names = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    ended = subprocess.run(["git", "-C", folder, *names, *words], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def command(folder, *words):
    line = [sys.executable, "-m", "inference_bench", *map(str, words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory, bad_models):
    """Return a folder with a repository of models, in which a file has changed since the first commit."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(bad_models / "good", folder / "models" / "good")
    git(folder / "models", "init", "-q", "-b", "trunk")
    git(folder / "models", "add", ".")
    git(folder / "models", "commit", "-qm", "first")
    return folder


@pytest.fixture(scope="module")
def run(place):
    file = place / "models" / "good" / "model.py"
    source = file.read_text()
    file.write_text(source + "\n")
    marks = ["--label", "nightly", "--note", "after lunch", "--tag", "pull=123", "--tag", "who=me"]
    ended = command(place, "run", "--models-dir", "models", "--model", "good", *QUICK, *marks)
    file.write_text(source)
    assert ended.returncode == 0, ended.stderr
    (folder,) = (place / "benchmark_results").iterdir()
    return load_run(folder), ended.stdout


def test_the_record_has_commit_and_marks(place, run):
    provenance = run[0].record.provenance
    assert provenance.code.commit == git(place / "models", "rev-parse", "HEAD")
    assert (provenance.code.branch, provenance.code.repository) == ("trunk", "models")
    assert provenance.code.changed_files == 1
    assert (provenance.label, provenance.note) == ("nightly", "after lunch")
    assert provenance.tags == {"pull": "123", "who": "me"}
    assert provenance.argv[1:4] == ("-m", "inference_bench", "run")
    assert provenance.argv[-2:] == ("--tag", "who=me")


def test_the_report_begins_with_them(place, run):
    commit = git(place / "models", "rev-parse", "HEAD")[:7]
    assert f"commit {commit} (1 file changed) · label nightly · pull 123 · who me" in run[1]
    assert "note: after lunch" in run[1]


def test_they_are_columns_of_every_table(place, run):
    commit = git(place / "models", "rev-parse", "HEAD")
    with (run[0].folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["commit"], row["changed_files"], row["label"], row["tag_pull"]) for row in rows} == {
        (commit, "1", "nightly", "123")
    }
    tables = load_runs(run[0].folder)
    for table in (tables.summaries, tables.samples):
        assert set(table["commit"].to_pylist()) == {commit}
        assert set(table["changed_files"].to_pylist()) == {1}
        assert set(table["label"].to_pylist()) == {"nightly"}
    assert set(tables.summaries["tag_who"].to_pylist()) == {"me"}


def test_the_revisions_of_ab_have_their_commits(place, run, tmp_path):
    first = git(place / "models", "rev-parse", "HEAD")
    git(place / "models", "commit", "-q", "--allow-empty", "-m", "second")
    second = git(place / "models", "rev-parse", "HEAD")
    words = ["ab", f"revision={first}", f"revision={second}", "--models-dir", "models", "--model", "good", *QUICK]
    ended = call(*words, "--runs", "1", "--label", "pair", "--output", tmp_path, cwd=place)
    git(place / "models", "reset", "-q", "--hard", first)

    assert "Traceback" not in ended.err
    records = [orjson.loads(path.read_bytes())["provenance"] for path in sorted(tmp_path.rglob("run.json"))]
    assert {(of["code"]["commit"], of["code"]["changed_files"], of["label"]) for of in records} == {
        (first, 0, "pair"),
        (second, 0, "pair"),
    }


def test_a_resumed_run_keeps_its_commit_and_says_that_the_code_has_changed(place, run, tmp_path):
    folder = tmp_path / run[0].record.id
    shutil.copytree(run[0].folder, folder)
    record = orjson.loads((folder / "run.json").read_bytes())
    record["finished"], record["cases"][0]["status"] = False, "pending"
    (folder / "run.json").write_bytes(orjson.dumps(record))
    (folder / "results.json").write_bytes(orjson.dumps({"schema_version": 1, "run": folder.name, "results": []}))
    git(place / "models", "commit", "-q", "--allow-empty", "-m", "another")
    ended = call("run", "--resume", folder, "--models-dir", "models", cwd=place)
    git(place / "models", "reset", "-q", "--hard", "HEAD~1")

    assert ended.code == 0, ended.err
    assert "resumed although the code has changed: commit" in ended.err
    resumed = load_run(folder).record
    assert resumed.finished
    assert resumed.provenance == run[0].record.provenance


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label", "latest"], "label: got 'latest'"),
        (["--label", ""], "label: got ''"),
        (["--tag", "pull"], "tag: got 'pull="),
        (["--tag", "a=1", "--tag", "a=2"], "tag a: got '1 and 2', expected one value"),
    ],
)
def test_a_mark_that_is_not_allowed_is_one_line_before_anything_is_measured(tmp_path, words, said):
    ended = call("run", "--model", "null", *QUICK, *words, cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_spec_file_may_give_them(tmp_path):
    (tmp_path / "spec.toml").write_text(
        'label = "a, b"\nnote = "x, y"\ntags = ["pull=1", "who=me"]\nmodels = ["null"]\n'
    )
    ended = call("run", "--spec", "spec.toml", *QUICK, "--tag", "who=you", cwd=tmp_path)
    assert ended.code == 0, ended.err
    (path,) = tmp_path.rglob("run.json")
    provenance = load_run(path.parent).record.provenance
    assert (provenance.label, provenance.note, provenance.tags) == ("a, b", "x, y", {"who": "you"})
