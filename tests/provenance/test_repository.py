"""The state of a repository, asked of the real git, and read without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from inference_bench.provenance.reading import ProvenanceReading, describe_code
from inference_bench.provenance.record import CodeState, marked
from inference_bench.provenance.repository import describe_repository, find_repository, read_head

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def git(folder, *words):
    names = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always"]
    ended = subprocess.run(["git", "-C", folder, *names, *words], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    top = tmp_path / "a repository"
    top.mkdir()
    git(top, "init", "-q", "-b", "trunk")
    (top / "a.py").write_text("1\n")
    (top / "models").mkdir()
    (top / "models" / "b.py").write_text("1\n")
    git(top, "add", ".")
    git(top, "commit", "-qm", "first")
    return top


def test_a_clean_folder_has_its_commit_and_branch(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert describe_code(repository) == CodeState(commit, "trunk", "a repository", 0, "")
    assert describe_code(repository / "models") == CodeState(commit, "trunk", "a repository", 0, "")
    git(repository, "checkout", "-q", "--detach")
    assert describe_code(repository) == CodeState(commit, "", "a repository", 0, "")


def test_changes_are_counted_and_have_a_digest_of_their_content(repository):
    (repository / "a.py").write_text("2\n")
    (repository / "models" / "b.py").unlink()
    first = describe_code(repository)
    assert first.changed_files == 2
    git(repository, "add", "a.py")
    assert describe_code(repository) == first  # staged or not, the code is the same
    (repository / "a.py").write_text("3\n")
    assert describe_code(repository).changed_files == 2
    assert describe_code(repository).changes_digest != first.changes_digest
    assert first.text == f"commit {git(repository, 'rev-parse', 'HEAD')[:7]} (2 files changed)"


def test_an_untracked_file_counts_in_the_folders_of_the_measured_code_only(repository):
    (repository / "results.csv").write_text("")
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", ".gitignore")
    git(repository, "commit", "-qm", "second")
    models = repository / "models"
    (models / "noise.log").write_text("")
    (models / "__pycache__").mkdir()
    (models / "__pycache__" / "b.pyc").write_text("")
    assert describe_repository(repository, [models]).changed_files == 0
    (models / "new.py").write_text("1\n")
    state = describe_repository(repository, [models])
    assert state.changed_files == 1
    (models / "new.py").write_text("2\n")
    assert describe_repository(repository, [models]).changes_digest != state.changes_digest


def test_a_worktree_and_a_submodule_have_their_own_commit(repository, tmp_path):
    git(repository, "worktree", "add", "-q", "-b", "other", tmp_path / "tree")
    (tmp_path / "tree" / "a.py").write_text("2\n")
    git(tmp_path / "tree", "commit", "-qam", "second")
    git(repository, "submodule", "--quiet", "add", tmp_path / "tree", "part")
    git(repository, "commit", "-qm", "third")
    second = git(tmp_path / "tree", "rev-parse", "HEAD")

    for folder, branch in ((tmp_path / "tree", "other"), (repository / "part", "other")):
        assert describe_code(folder) == CodeState(second, branch, folder.name, 0, "")
        assert read_head(folder) == CodeState(second, branch, folder.name)
    (repository / "part" / "a.py").write_text("4\n")
    git(repository / "part", "commit", "-qam", "fourth")
    assert describe_code(repository).changed_files == 1


@pytest.mark.parametrize("packed", [False, True])
def test_without_git_the_files_tell_commit_and_branch(repository, monkeypatch, packed):
    if packed:
        git(repository, "pack-refs", "--all")
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(repository))
    state = describe_code(repository)
    assert state == CodeState(commit, "trunk", "a repository")
    assert state.text == f"commit {commit[:7]} (changes unknown)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_of_another_users_repository_the_files_tell_commit_and_branch(repository, monkeypatch):
    monkeypatch.setenv("HOME", str(repository.parent))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("SUDO_UID", raising=False)
    commit = git(repository, "rev-parse", "HEAD")
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    assert describe_code(repository) == CodeState(commit, "trunk", "a repository")


def test_no_repository_no_commit_and_damage_are_none(tmp_path, repository):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert find_repository(empty) is None
    assert describe_code(empty) is None
    assert describe_code(tmp_path / "missing") is None
    git(empty, "init", "-q")
    assert describe_code(empty) is None
    (repository / ".git" / "HEAD").write_bytes(b"\xff\x00")
    assert describe_code(repository) is None
    (repository / ".git" / "HEAD").write_text("ref: refs/../../../etc/passwd\n")
    assert read_head(repository) is None


def test_the_variables_of_a_hook_do_not_lead_to_its_repository(repository, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert describe_code(repository).commit == commit


def slow_git(folder, monkeypatch):
    """Put a git first on the path that never ends."""
    program = folder / "git"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_run_does_not_wait_for_a_slow_git(repository, tmp_path, monkeypatch):
    commit = git(repository, "rev-parse", "HEAD")
    slow_git(tmp_path, monkeypatch)
    reading = ProvenanceReading(marked("nightly"), [repository / "models"])
    found = reading.result()
    assert found.code == CodeState(commit, "trunk", "a repository")
    assert found.label == "nightly"
    reading._thread.join(30)  # the process that hangs was killed
    assert not reading._thread.is_alive()


def test_the_first_folder_in_a_repository_counts_and_no_folder_is_the_current_one(repository, tmp_path, monkeypatch):
    commit = git(repository, "rev-parse", "HEAD")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert ProvenanceReading(marked(), [tmp_path / "elsewhere", repository]).result(30).code.commit == commit
    assert ProvenanceReading(marked(), [tmp_path / "elsewhere"]).result(30).code is None
    assert ProvenanceReading(marked()).result(30).code is None
    monkeypatch.chdir(repository)
    assert ProvenanceReading(marked()).result(30).code.commit == commit
    assert ProvenanceReading(marked(), [tmp_path / "elsewhere"]).result(30).code is None


def test_a_large_changed_file_is_not_read(repository):
    large = repository / "a.py"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    monotonic = time.monotonic()
    state = describe_repository(repository, is_over=lambda: time.monotonic() > monotonic + 60)
    assert state.changed_files == 1
    assert state.changes_digest


def test_this_package_knows_its_own_commit_in_a_checkout():
    top = Path(__file__).parents[2]
    if (top / ".git").exists():
        tool = ProvenanceReading(marked()).result(30).tool
        assert tool.commit == git(top, "rev-parse", "HEAD")
