"""Conversions of weights: once, whole or not at all, and again where anything about them differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.weights.cache import cache_dir
from inference_bench.model.weights.conversion import Conversion
from inference_bench.model.weights.converted import converted
from inference_bench.model.weights.references import ResolvedWeights

COPY = """
import sys
from pathlib import Path
source, target, word = sys.argv[1:4]
(Path(target) / "model.bin").write_text(word + Path(source, "config.json").read_text())
if word == "fail":
    sys.exit("the disk said no")
"""


@pytest.fixture
def weights(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "copying.py").write_text(COPY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return ResolvedWeights("local", "local tiny", True, folder, digest="ab" * 32)


def _conversion(word: str = "one", version: str = "1") -> Conversion:
    return Conversion("words", "copying", version, "copying", (word,))


def test_it_is_done_once_and_described(weights):
    said: list[str] = []
    first = converted(weights, _conversion(), said.append)
    again = converted(weights, _conversion(), said.append)
    assert first == again
    assert (first.converted.path / "model.bin").read_text() == "one{}"
    assert said == ["converting to words by copying 1, once"]
    assert (first.converted.form, first.converted.converter, first.converted.version) == ("words", "copying", "1")
    assert len(first.converted.digest) == 64
    assert first.path == weights.path


def test_other_weights_options_and_versions_have_entries_of_their_own(weights):
    others = [
        converted(weights, _conversion(), print),
        converted(weights, _conversion("two"), print),
        converted(weights, _conversion(version="2"), print),
        converted(weights, replace(_conversion(), options={"bits": "4"}), print),
        converted(replace(weights, digest="cd" * 32), _conversion(), print),
    ]
    assert len({of.converted.path for of in others}) == 5


def test_a_failure_leaves_nothing_and_says_why(weights):
    with pytest.raises(WeightsError, match="words: copying 1: the disk said no"):
        converted(weights, _conversion("fail"), print)
    assert [path.name for path in cache_dir().iterdir() if path.is_dir()] == []


def test_a_damaged_entry_is_made_again(weights):
    first = converted(weights, _conversion(), print)
    (first.converted.path / "model.bin").write_text("damaged")
    assert (converted(weights, _conversion(), print).converted.path / "model.bin").read_text() == "one{}"


def test_weights_that_are_made_while_they_load_cannot_be_converted(weights):
    with pytest.raises(WeightsError, match="trained weights"):
        converted(replace(weights, path=None), _conversion(), print)


def test_a_cache_that_cannot_be_written_is_one_line(weights, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="INFERENCE_BENCH_CACHE"):
        converted(weights, _conversion(), print)
