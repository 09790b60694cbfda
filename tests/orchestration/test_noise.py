"""The A/A floor: measured, kept with the machine's fingerprint and date, and used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from inference_bench.analysis.observations import Observations, Side
from inference_bench.errors import InvalidValueError, RunFormatError
from inference_bench.machine.environment import describe_environment
from inference_bench.plan import Case
from inference_bench.results.floor_sentence import floor_sentence
from inference_bench.results.noise_store import KIND, add_noise, load_noise, noise_file
from inference_bench.results.state_folder import check_state_folder
from inference_bench.spec import Setup
from tests.command_line import call

NOW = datetime(2030, 1, 31, tzinfo=UTC)
SLOT = ("inference_speed", "ttft", "prefill")


def case(length):
    return Case("tiny", "inference_speed", Setup(), {"input_length": length})


def side(name, spread, seed, lengths=(32,), n=12):
    def values(length):
        rng = np.random.default_rng([seed, length])
        return {("s", i): float(v) for i, v in enumerate(1e6 * np.exp(rng.normal(0, spread, n)))}

    return Side(name, tuple(Observations(case(length), "ttft", "prefill", values(length)) for length in lengths))


def known(folder, spread=0.02, **options):
    add_noise(side("A", spread, 1, **options), side("B", spread, 2, **options), "machine", folder, NOW)
    return load_noise("machine", folder)


def test_nothing_is_known_before_it_is_measured(tmp_path):
    assert load_noise("machine", tmp_path) is None
    assert "not known on this machine" in floor_sentence(None, [])


def test_a_noisier_machine_has_a_higher_floor(tmp_path):
    quiet, loud = known(tmp_path / "quiet", 0.002), known(tmp_path / "loud", 0.05)

    for paired in (True, False):
        assert 0 < quiet.floor_of(SLOT, paired=paired) < 0.01 < loud.floor_of(SLOT, paired=paired)


def test_measurements_add_up_and_the_latest_has_its_age(tmp_path):
    known(tmp_path)
    add_noise(side("A", 0.02, 3), side("B", 0.02, 4), "machine", tmp_path, NOW + timedelta(days=2))
    noise = load_noise("machine", tmp_path)

    assert noise.sessions == 2
    assert noise.age_days(NOW + timedelta(days=5)) == pytest.approx(3)
    assert "That is old" not in floor_sentence(noise, [], NOW + timedelta(days=5))
    assert "That is old: measure it again" in floor_sentence(noise, [], NOW + timedelta(days=40))


def test_a_case_that_was_not_measured_takes_the_largest_floor_of_its_benchmark(tmp_path):
    noise = known(tmp_path, lengths=(32, 128, 512))
    floor = noise.floor(paired=True)

    largest = max(noise.floor_of(SLOT, case(length).id, paired=True) for length in (32, 128, 512))
    assert floor(Observations(case(64), "ttft", "prefill")) == largest
    assert floor(Observations(case(64), "itl", "decode")) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 1, "sessions": [{"entries": 3}]}'])
def test_a_damaged_file_says_what_to_do(tmp_path, content):
    known(tmp_path)
    noise_file("machine", tmp_path).write_text(content)

    with pytest.raises(RunFormatError, match="Delete it and measure the noise again"):
        load_noise("machine", tmp_path)


def test_a_newer_file_is_left_alone(tmp_path):
    known(tmp_path)
    path = noise_file("machine", tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))

    with pytest.raises(RunFormatError, match="version 99"):
        load_noise("machine", tmp_path)


def test_the_command_measures_keeps_and_compare_uses_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    null = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4")
    done = call("noise", *null, "--budget", "0.05", "--runs", "6", "--output", tmp_path / "out")

    assert done.code == 0, done.err
    assert "A/A floors of this machine" in done.out
    noise = load_noise(str(describe_environment()["fingerprint"]), tmp_path / "state" / "inference_bench")
    assert noise.sessions == 1
    assert ("inference_speed", "ttft", "prefill") in noise.cases
    (folder,) = (tmp_path / "out").glob("*-ab")
    assert "A/A floor: from 1 measurement, the latest 0 days old" in call("compare", folder).out


@pytest.mark.parametrize("fingerprint", ["../../etc/passwd", "a/b", "", "x" * 5000, "a\x00b", "\udcff"])
def test_a_fingerprint_that_is_no_word_names_no_file(tmp_path, fingerprint):
    assert noise_file(fingerprint, tmp_path) is None
    assert load_noise(fingerprint, tmp_path) is None


def test_without_a_home_nothing_is_known_and_nothing_can_be_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", _no_home)

    assert load_noise("machine") is None
    with pytest.raises(InvalidValueError, match="Set XDG_STATE_HOME"):
        check_state_folder(KIND)
    with pytest.raises(InvalidValueError, match="Set XDG_STATE_HOME"):
        add_noise(side("A", 0.02, 1), side("B", 0.02, 2), "machine")


def _no_home():
    raise RuntimeError("Could not determine home directory.")


def test_a_state_folder_that_cannot_be_made_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with pytest.raises(InvalidValueError, match="Set XDG_STATE_HOME"):
        check_state_folder(KIND)
    with pytest.raises(InvalidValueError, match="Set XDG_STATE_HOME"):
        add_noise(side("A", 0.02, 1), side("B", 0.02, 2), "machine")
