"""Folders as other revisions of their git repository have them."""

from __future__ import annotations

import subprocess
import tarfile

import pytest

from inference_bench.cli._revisions import Revisions


@pytest.fixture
def folder(tmp_path):
    """A folder inside a repository, whose file says "old" in the first commit and "new" in the second."""
    inside = tmp_path / "project" / "my_models"
    inside.mkdir(parents=True)
    git = ("git", "-C", str(tmp_path / "project"), "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    for text in ("old", "new"):
        (inside / "model.py").write_text(text)
        for words in (("add", "-A"), ("commit", "-q", "-m", text), ("tag", text)):
            subprocess.run([*git, *words], check=True)
    return inside


@pytest.mark.parametrize("has_filter", [True, False])
def test_a_copy_is_as_the_revision_has_it_on_every_python_3_11(folder, monkeypatch, has_filter):
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)

    with Revisions() as revisions:
        copies = [revisions.copy_of(folder, revision) for revision in ("old", "HEAD")]
        assert [(copy / "model.py").read_text() for copy in copies] == ["old", "new"]

    assert not any(copy.exists() for copy in copies)
    assert (folder / "model.py").read_text() == "new"
