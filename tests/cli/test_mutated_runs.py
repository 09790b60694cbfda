"""Damaged run folders through every command that reads one: an answer or one clear line, never a traceback.

``MUTATIONS=2000 pytest tests/cli/test_mutated_runs.py`` tries more of them than a run of all tests does.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from contextlib import contextmanager

import pytest

from inference_bench.analysis.observations import Side
from inference_bench.cli import main
from inference_bench.errors import RunFormatError
from inference_bench.results.noise_store import add_noise, load_noise, noise_file
from inference_bench.results.pairing import read_pairing, write_pairing
from inference_bench.results.run import load_run
from tests.null_runs import write_null_runs
from tests.results.mutations import damaged_copy, garbled, mutated

COUNT = int(os.environ.get("MUTATIONS", "60"))
SEED = int(os.environ.get("MUTATIONS_SEED", "20261126"))

TERMINAL = ("console", "markdown", "csv")
QUERIES = ("SELECT * FROM summaries", "SELECT count(*), min(value) FROM samples", "FROM memory LIMIT 9", "FROM scores")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with one sound run in it."""
    written = write_null_runs(tmp_path_factory.mktemp("written"), 1)
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(next(written.glob("*/run.json")).parent, root / "sound")
    return root


@pytest.fixture
def ask(capfd, monkeypatch):
    """Return a function that runs a command in this process, checks what it says, and returns its exit code."""
    monkeypatch.setenv("COLUMNS", "120")

    def ask(told, *words):
        code = main([*map(str, words)])
        said = capfd.readouterr()
        context = f"{told}\n{' '.join(map(str, words))}\n{said.err}"
        assert code in (0, 1, 2), context
        assert "unexpected" not in said.err.partition("error: ")[2][:12], context
        assert code != 2 or said.err.count("error: ") == 1, context
        shown = said.err if "html" in words or "json" in words else said.out + said.err
        assert all(c.isprintable() or c in "\n\t" for c in shown), context
        return code

    return ask


def test_every_command_answers_or_says_what_is_wrong(root, ask):
    chance = random.Random(SEED)
    readable = 0
    for _ in range(COUNT):
        told = damaged_copy(root / "sound", root / "damaged", chance)
        readable += _read_by_all(ask, told, root, chance)
    assert readable > COUNT / 10


def _read_by_all(ask, told, root, chance):
    damaged = root / "damaged"
    ask(told, "query", chance.choice(QUERIES), root, "--format", chance.choice(("console", "csv", "json")))
    if ask(told, "report", damaged, "--format", chance.choice((*TERMINAL, "json"))) == 2:
        return 0
    ask(told, "check", damaged, "--format", chance.choice(("console", "json", "markdown")))
    ask(told, "check", damaged, "--rejudge")
    ask(told, "compare", root / "sound", damaged, "--format", chance.choice(("console", "markdown", "json")))
    ask(told, "report", root, "--history", "--format", chance.choice(("console", "markdown")))
    if chance.random() < 0.05:
        ask(told, "report", damaged, "--format", "html")
    return 1


def test_a_damaged_run_beside_others_is_told_and_left_out(root, capfd):
    shutil.rmtree(root / "damaged", ignore_errors=True)
    shutil.copytree(root / "sound", root / "damaged")
    (root / "damaged" / "results.json").write_bytes(b"[" * 100_000)
    (root / "damaged" / "summaries.parquet").write_bytes(b"PAR1")

    for words in (("query", "SELECT count(*) FROM summaries", root), ("report", root / "sound")):
        assert main([*map(str, words)]) == 0
    assert "warning: " in capfd.readouterr().err


@contextmanager
def clear_refusal(path, told):
    """Allow an error that names the file."""
    refused = None
    try:
        yield
    except RunFormatError as error:
        refused = str(error)
    assert refused is None or refused.startswith(f"{path}: "), told


def _document():
    names = {"case": "0123456789ab", "benchmark": "inference_speed", "metric": "ttft", "phase": "prefill"}
    session = {"measured_utc": "2026-01-01T00:00:00+00:00", "entries": [{**names, "pairs": [[1.0, 2.0], [1.5, 2.5]]}]}
    return {"schema_version": 1, "fingerprint": "f", "sessions": [session, session]}


def test_a_damaged_noise_file_gives_a_floor_or_says_what_is_wrong(tmp_path):
    chance, path = random.Random(SEED), noise_file("f", tmp_path)
    path.parent.mkdir(parents=True)
    for _ in range(4 * COUNT):
        document, told = mutated(_document(), chance)
        data = json.dumps(document).encode()
        path.write_bytes(garbled(data, chance) if chance.random() < 0.3 else data)
        with clear_refusal(path, told):
            noise = load_noise("f", tmp_path)
            for paired in (True, False) if noise else ():
                noise.age_days()
                for slot in noise.cases:
                    noise.floor_of(slot, paired=paired)
        with clear_refusal(path, told):
            add_noise(Side("A", ()), Side("B", ()), "f", tmp_path)


def test_a_damaged_pairing_is_read_or_says_what_is_wrong(tmp_path):
    chance, path = random.Random(SEED), tmp_path / "ab.json"
    write_pairing(tmp_path, ("a", "b"), ("one", "two"), 0.95, order=[1, 2])
    sound = path.read_bytes()
    for _ in range(4 * COUNT):
        document, told = mutated(json.loads(sound), chance)
        data = json.dumps(document).encode()
        path.write_bytes(garbled(data, chance) if chance.random() < 0.3 else data)
        with clear_refusal(path, told):
            found = read_pairing(tmp_path)
            assert found is not None
            assert 0 < found.level < 1
            assert all(folder.parent == tmp_path for folder in found.folders), told


def test_resuming_writes_a_damaged_table_anew(root, tmp_path):
    from inference_bench.results.sink import open_sinks

    for damage in (b"", b"\xff" * 9, b"case_id\n" + b"x" * 200_000, b'"', b"a,b\n1\n", b"\x00" * 10):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "sound", folder)
        sound = (folder / "results.csv").read_bytes()
        (folder / "results.csv").write_bytes(damage)

        open_sinks(folder, ["csv"]).begin(load_run(folder).record)

        assert (folder / "results.csv").read_bytes() == sound
