"""Names and files that the system or a parser refuses: one clear line, never "unexpected"."""

from __future__ import annotations

import os

import pytest

from inference_bench.cli import main
from tests.null_runs import write_null_runs

LONG_NAME = "n" * 300
LONG_PATH = "/".join(["n" * 200] * 25)
NAMES = (LONG_NAME, LONG_PATH, "a\udcff\udcfeb", "a\x1b[31mb", "\u202eb", "line\nbreak", "-", " ")

READERS = (
    ("report", "{}"),
    ("report", "{}", "--history"),
    ("report", "{}", "--format", "html"),
    ("check", "{}"),
    ("compare", "{}", "{}"),
    ("query", "SELECT 1", "{}"),
    ("run", "--resume", "{}"),
    ("run", "--model", "null", "--dry-run", "--output", "{}/x"),
    ("run", "--model", "null", "--dry-run", "--weights", "{}/x"),
    ("run", "--model", "null", "--dry-run", "--models-dir", "{}"),
    ("run", "--spec", "{}"),
    ("list", "models", "--models-dir", "{}"),
)


@pytest.fixture
def ask(capfd):
    def ask(*words):
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        assert "unexpected" not in said.err, said.err
        assert code in (0, 1, 2), said.err
        assert all(c.isprintable() or c in "\n\t" for c in said.err), said.err
        return code, said

    return ask


@pytest.mark.parametrize("words", READERS, ids=" ".join)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_cannot_be_is_one_line(tmp_path, ask, words, name):
    code, said = ask(*(word.format(tmp_path / name) for word in words))

    assert code == 0 or said.err.startswith("error: ")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run in a folder whose name is no UTF-8 and holds an escape."""
    written = write_null_runs(tmp_path_factory.mktemp("runs"), 1)
    odd = written.parent / os.fsdecode(b"runs\xff\xfe\x1b[31m")
    os.rename(written, odd)
    return next(odd.glob("*/run.json")).parent


@pytest.mark.parametrize(
    "words",
    [
        ("report", "{}"),
        ("report", "{}", "--format", "markdown"),
        ("report", "{}", "--format", "csv"),
        ("report", "{}", "--format", "html"),
        ("check", "{}"),
        ("check", "{}", "--format", "html"),
        ("compare", "{}", "{}"),
        ("compare", "{}", "{}", "--format", "html"),
        ("compare", "{}", "{}", "--format", "json"),
        ("query", "SELECT count(*) FROM samples", "{}"),
    ],
    ids=" ".join,
)
def test_a_run_in_a_folder_that_is_no_utf8_is_read(run, ask, words):
    code, said = ask(*(word.format(run) for word in words))

    assert code in (0, 1), said.err
    assert "error: " not in said.err
    assert said.out


@pytest.mark.parametrize(
    "content", ["a = " + "[" * 5000, ".".join("a" * 60) + " = 1", "[" + ".".join("a" * 100_000) + "]", "x = \udcff"]
)
def test_a_spec_that_is_nested_too_deeply_is_refused(tmp_path, ask, content):
    (tmp_path / "spec.toml").write_text(content, encoding="utf-8", errors="surrogateescape")

    code, said = ask("run", "--spec", tmp_path / "spec.toml")

    assert code == 2
    assert "spec.toml" in said.err
