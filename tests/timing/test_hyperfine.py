"""The files in hyperfine's form, beside those of hyperfine itself."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from inference_bench.cli import main

needs_hyperfine = pytest.mark.skipif(shutil.which("hyperfine") is None, reason="no hyperfine")


@needs_hyperfine
def test_its_files_have_the_same_shape(tmp_path, capsys):
    words = ["-N", "--runs", "3", "--parameter-list", "s", "0.01,0.02"]
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir(), ours.mkdir()
    files = ["json", "csv", "markdown"]

    def exports(folder):
        return [word for name in files for word in (f"--export-{name}", str(folder / name))]

    subprocess.run(["hyperfine", *words, *exports(theirs), "sleep {s}"], check=True, capture_output=True)
    assert main(["time", *words, *exports(ours), "--command", "sleep {s}", "--quiet"]) == 0

    found = [json.loads((folder / "json").read_text())["results"] for folder in (theirs, ours)]
    for their, our in zip(*found, strict=True):
        assert {*their} <= {*our}
        assert {name: type(value) for name, value in their.items()} == {name: type(our[name]) for name in their}
        assert their["parameters"] == our["parameters"] and their["command"] == our["command"]
        assert len(their["times"]) == len(our["times"]) == 3
    heads = [(folder / "csv").read_text().splitlines()[0] for folder in (theirs, ours)]
    assert heads[0] == heads[1]
    tables = [(folder / "markdown").read_text().splitlines() for folder in (theirs, ours)]
    assert tables[0][:2] == tables[1][:2]
    assert [line.split("|")[1] for line in tables[0]] == [line.split("|")[1] for line in tables[1]]
