from __future__ import annotations

import shutil

import orjson
import pytest

from inference_bench.errors import RunFormatError
from inference_bench.results.pairing import PAIRING, PairedRuns, pairing_of, read_pairing, write_pairing
from inference_bench.results.run import load_run
from tests.stored_run import FOLDER

ONE = '{"sides": [{"name": "a", "run": "a"}], "level": 0.9}'


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        shutil.copytree(FOLDER, tmp_path / name)
    write_pairing(tmp_path, ("before", "after"), ("a", "b"), 0.98, reason="settled")
    return tmp_path


def test_a_pairing_reads_as_it_was_written(folder):
    assert read_pairing(folder) == PairedRuns((folder / "a", folder / "b"), ("before", "after"), 0.98)
    assert orjson.loads((folder / PAIRING).read_bytes())["reason"] == "settled"


def test_a_pairing_of_more_than_two_holds_for_each_two_of_them(folder):
    shutil.copytree(FOLDER, folder / "c")
    write_pairing(folder, ["a", "b", "c"], ["a", "b", "c"], 0.98)
    a, b, c = (load_run(folder / name) for name in "abc")

    assert read_pairing(folder).names == ("a", "b", "c")
    assert pairing_of([a], [c]) == pairing_of([c], [b]) == read_pairing(folder)


def test_a_folder_without_a_pairing(tmp_path):
    assert read_pairing(tmp_path) is None


def test_a_pairing_cannot_point_outside_its_folder(folder):
    write_pairing(folder, ("before", "after"), ("../../etc", "b"), 0.98)

    assert read_pairing(folder).folders == (folder / "etc", folder / "b")


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"sides": [], "level": 0.9}', '{"sides": [{}, {}], "level": 0.9}', ONE]
)
def test_a_damaged_pairing_is_named(folder, content):
    (folder / PAIRING).write_text(content)

    with pytest.raises(RunFormatError, match=r"ab\.json: "):
        read_pairing(folder)


def test_two_runs_know_their_pairing_in_either_order(folder):
    a, b = load_run(folder / "a"), load_run(folder / "b")

    assert pairing_of([a], [b]) == pairing_of([b], [a]) == read_pairing(folder)
    assert pairing_of([a], [a]) is None
    assert pairing_of([a, b], [b]) is None
