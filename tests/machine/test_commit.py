"""The commit of a folder, asked of the real git."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from inference_bench.machine.commit import describe_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def git(folder, *words):
    names = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    ended = subprocess.run(["git", "-C", folder, *names, *words], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1\n")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_folder_has_its_commit(repository):
    assert describe_commit(repository) == {"commit": git(repository, "rev-parse", "HEAD"), "dirty": False}


def test_a_changed_file_makes_it_dirty_and_an_untracked_one_does_not(repository):
    (repository / "runs.jsonl").write_text("")
    assert describe_commit(repository)["dirty"] is False
    (repository / "a.py").write_text("2\n")
    assert describe_commit(repository)["dirty"] is True


def test_no_repository_no_commit_and_no_git_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_commit(tmp_path) is None
    assert describe_commit(tmp_path / "missing") is None
    git(tmp_path, "init", "-q")
    assert describe_commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_commit(tmp_path) is None
