"""Damaged runs packed and checked, and runs damaged inside of a dossier by a forger: an answer or one clear line."""

from __future__ import annotations

import os
import random
import shutil
import warnings

import pytest

from inference_bench.cli import main
from tests.dossier.forging import renew_digests
from tests.results.mutations import damaged_copy

COUNT = int(os.environ.get("MUTATIONS", "40"))


@pytest.fixture
def ask(capfd):
    def ask(told, *words):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of infinities and NaN, which damage makes
            code = main([*map(str, words)])
        said = capfd.readouterr()
        assert code in (0, 1, 2), told
        assert not said.err.startswith("error: unexpected"), f"{told}\n{said.err}"
        assert code != 2 or said.err.count("error: ") == 1, f"{told}\n{said.err}"
        return code

    return ask


def test_a_damaged_run_is_packed_or_refused(runs, tmp_path, ask):
    chance = random.Random(3)
    packed = 0
    for number in range(COUNT):
        told = damaged_copy(runs[0], tmp_path / "damaged", chance)
        place = tmp_path / str(number)
        if ask(told, "report", tmp_path / "damaged", "--dossier", place) == 0:
            packed += 1
            ask(told, "check", "--dossier", place)
        else:
            assert not place.exists()
    assert packed


def test_a_run_damaged_inside_of_a_dossier_is_checked_or_refused(written, tmp_path, ask):
    chance = random.Random(4)
    codes = []
    for _ in range(COUNT):
        place = shutil.copytree(written, tmp_path / "d")
        run = chance.choice(sorted(place.glob("runs/*")))
        sound = run.rename(tmp_path / "sound")
        told = damaged_copy(sound, run, chance)
        renew_digests(place)
        codes.append(ask(told, "check", "--dossier", place))
        shutil.rmtree(place)
        shutil.rmtree(sound)
    assert {1, 2} <= set(codes)
