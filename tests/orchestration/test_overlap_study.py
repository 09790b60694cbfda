from __future__ import annotations

import asyncio
import math
import subprocess
import sys

import pytest

from inference_bench.orchestration.overlap_study import _changes, check_overlap
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

_SPEC = Spec(
    models=("null",),
    benchmarks=("inference_speed",),
    setups=(Setup(threads=1), Setup(threads=2)),
    axes={"input_length": (16,), "new_tokens": (4,)},
    limits=Limits(budget_ns=NS_PER_S // 10, min_samples=30),
    overlap="freeze",
)


def run_cli(*words):
    return subprocess.run([sys.executable, "-m", "inference_bench", *words], capture_output=True, text=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return asyncio.run(check_overlap(_SPEC, pairs=2, output=tmp_path_factory.mktemp("out")))


def test_each_pair_is_a_sweep_with_loading_ahead_and_one_without(found):
    assert [len(found.ahead), len(found.off)] == [2, 2]
    assert all(sweep.run.record.overlap["loads_ahead"] == 1 for sweep in found.ahead)
    assert all(sweep.run.record.overlap["loads_ahead"] == 0 for sweep in found.off)
    assert len(list(found.folder.iterdir())) == 4


def test_the_order_is_on_off_off_on(found):
    names = sorted(folder.name for folder in found.folder.iterdir())
    began = {sweep.run.record.id: sweep.run.record.created_utc for sweep in (*found.ahead, *found.off)}
    assert set(names) == set(began)
    order = [found.ahead[0], found.off[0], found.off[1], found.ahead[1]]
    times = [sweep.run.record.created_utc for sweep in order]
    assert times == sorted(times)


def test_figures_are_those_of_the_sweeps(found):
    assert found.wall_ratios == [a.wall_ns / b.wall_ns for a, b in zip(found.ahead, found.off, strict=True)]
    load_ns = sum(sweep.run.record.overlap["load_ns"] for sweep in found.ahead)
    hidden_ns = sum(sweep.run.record.overlap["hidden_ns"] for sweep in found.ahead)
    assert found.hidden_of_all == hidden_ns / load_ns
    assert found.hidden_of_hideable > 0
    assert {row.runs for row in found.comparison.rows} == {(2, 2)}
    assert len(found.shifts) == len(found.noise) == 4  # two metrics of two set-ups
    assert all(math.isfinite(change) and change >= 0 for change in (*found.shifts, *found.noise))


def test_the_size_of_a_change_is_the_same_both_ways(found):
    first, second = found.off[0].run, found.ahead[0].run

    assert _changes([(first, second)]) == pytest.approx(_changes([(second, first)]))
    assert set(_changes([(first, first)])) == {0.0}


def test_the_command_says_what_is_saved_and_what_moved(tmp_path):
    ended = run_cli(
        *("overlap", "--model", "null", "--threads", "1,2", "--budget", "0.1", "--pairs", "1", "--quiet"),
        *("--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4", "-o", str(tmp_path)),
    )

    assert ended.returncode in (0, 1), ended.stderr  # 1: a median that is worse, which one pair cannot show
    text = " ".join(ended.stdout.split())
    assert "Wall time:" in text
    assert "Loading hidden:" in text
    assert "cannot tell" in text


def test_options_of_a_single_run_are_refused(tmp_path):
    ended = run_cli("overlap", "--resume", str(tmp_path))

    assert ended.returncode == 2
    assert "--resume" in ended.stderr
