"""On whatever file system the temporary folder lies; one that keeps its files in memory cannot evict them."""

from __future__ import annotations

import mmap
import os

import pytest

from inference_bench.machine.page_cache import cached_bytes, evict, fill

_PAGES = 64


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(_PAGES * mmap.PAGESIZE - 1))
    return path


def test_what_was_read_is_cached(file):
    fill(file)

    assert cached_bytes(file) == _PAGES * mmap.PAGESIZE


def test_what_was_evicted_is_not(file):
    fill(file)
    evict(file)
    if cached_bytes(file) == _PAGES * mmap.PAGESIZE:
        pytest.skip("this file system keeps its files in memory")

    assert cached_bytes(file) == 0
    with file.open("rb") as opened:
        opened.read(1)
    assert 0 < cached_bytes(file) <= _PAGES * mmap.PAGESIZE


def test_a_page_that_somebody_has_mapped_stays(file):
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[0] >= 0
        evict(file)
        assert cached_bytes(file) > 0


def test_asking_changes_nothing(file):
    before = file.read_bytes()
    cached_bytes(file)

    assert file.read_bytes() == before


def test_an_empty_file_is_nowhere(tmp_path):
    (tmp_path / "empty").touch()
    evict(tmp_path / "empty")
    fill(tmp_path / "empty")

    assert cached_bytes(tmp_path / "empty") == 0


def test_a_file_of_somebody_else_is_unknown(file, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert cached_bytes(file) is None
