"""Ceilings measured by real processes, small."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from inference_bench.ceilings import OLD_DAYS, MachineLoad
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration.ceilings import (
    _drift,
    _interval,
    _sizes,
    default_sizes,
    default_threads,
    is_worth_measuring,
    measure_ceilings,
)
from inference_bench.units import GIB, KIB, MIB


@pytest.fixture(scope="module")
def measured():
    notes = []
    found = measure_ceilings(
        threads=(1, 2),
        dtypes=("float32", "int8_dynamic"),
        sizes=(MIB, 2 * MIB),
        note=lambda number, of, title: notes.append((number, of, title)),
    )
    return found, notes


def test_every_combination_is_measured(measured):
    found, _ = measured
    assert [(each.threads, each.working_set_bytes) for each in found.read] == [
        (1, MIB),
        (1, 2 * MIB),
        (2, MIB),
        (2, 2 * MIB),
    ]
    assert {(each.threads, each.dtype) for each in found.matmul} == {
        (threads, dtype) for threads in (1, 2) for dtype in ("float32", "int8_dynamic")
    }
    assert {(each.threads, each.dtype, each.parameters) for each in found.gemv} == {
        (threads, dtype, side**2)
        for threads in (1, 2)
        for dtype in ("float32", "int8_dynamic")
        for side in (512, 1024, 2048, 4096)
    }
    assert found.fingerprint == describe_environment()["fingerprint"]
    assert (found.device, found.launch_ns, found.copy_bytes_per_s) == ("cpu", None, None)
    assert found.has((1, 2), ("float32",))
    assert not found.has((4,), ())
    assert not found.has((), ("bfloat16",))


def test_figures_are_possible_and_lie_within_their_intervals(measured):
    found, _ = measured
    rates = [each.bytes_per_s for each in found.read] + [each.flops_per_s for each in found.matmul]
    rates += [each.flops_per_s for each in found.gemv]
    for interval in (*rates, found.operation_ns):
        assert 0 < interval.low <= interval.value <= interval.high
    assert all(1e8 < each.value < 1e15 for each in rates)  # a kernel that was left out would be faster
    assert 10 < found.operation_ns.value < 1e6
    assert found.drift >= 0
    assert found.load is not None
    assert found.load.others_cpus is not None


def test_progress_names_each_process(measured):
    _, notes = measured
    assert [number for number, _, _ in notes] == list(range(1, 9))
    assert {of for _, of, _ in notes} == {8}
    assert notes[0][2] == "read bandwidth, 1 thread"
    assert notes[3][2] == "matrix products, 2 threads"


def test_the_default_grid_reaches_from_the_second_cache_beyond_the_last(monkeypatch):
    sizes = default_sizes()
    caches = describe_environment()["cpu"]["caches"]
    assert sizes[0] == caches["L2"]
    assert all(larger == 2 * smaller for smaller, larger in pairwise(sizes))
    assert sizes[-1] >= 4 * caches["L3"] or 2 * sizes[-1] > (headroom_bytes() or 0) // 4


@pytest.mark.parametrize(
    ("smallest", "cache", "available", "count", "largest"),
    [
        (512 * KIB, 32 * MIB, 24 * GIB, 11, 512 * MIB),
        (2 * MIB, 480 * MIB, 24 * GIB, 11, 2 * GIB),  # a cache of a size that is no power of two
        (1280 * KIB, 30 * MIB, 24 * GIB, 10, 640 * MIB),
        (2 * MIB, 480 * MIB, 4 * GIB, 10, GIB),
        (2 * MIB, 480 * MIB, 0, 1, 2 * MIB),
        (MIB, 0, None, 10, 512 * MIB),
        (2 * MIB, 2 * GIB, None, 13, 8 * GIB),
    ],
)
def test_the_largest_working_set_is_four_caches_or_what_memory_allows(smallest, cache, available, count, largest):
    sizes = _sizes(smallest, cache, available)
    assert (sizes[0], len(sizes), sizes[-1]) == (smallest, count, largest)


def test_the_default_threads_are_powers_of_two_and_all_usable(monkeypatch):
    for usable, expected in ((1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, usable=usable: set(range(usable)))
        assert default_threads() == expected
    assert default_threads("cuda") == (1,)


def test_an_interval_is_of_all_rounds_and_drift_between_the_first_and_the_last():
    rounds = [[float(value) for value in range(100, 115)], [float(value) for value in range(200, 215)]]
    interval = _interval(rounds)
    assert 100 <= interval.low <= interval.value <= interval.high <= 214
    assert interval.low < 115 <= 200 <= interval.high
    assert _drift(rounds) == pytest.approx(207 / 107 - 1)
    assert _drift([[2.0], [9.0], [1.0]]) == 0.5


def test_on_a_busy_machine_the_interval_reaches_to_the_best_repetition():
    rounds = [random.Random(seed).sample(range(100, 115), 15) for seed in (1, 2)]
    calm, busy = _interval(rounds), _interval(rounds, widest=True)
    assert calm.high < busy.high == 114
    assert calm.low > busy.low == 100
    assert calm.value == busy.value


@pytest.mark.parametrize("now", [MachineLoad(), MachineLoad(others_cpus=1.0)], ids=["calm", "busy"])
def test_doubtful_old_and_incomplete_ceilings_are_measured_again_once_the_machine_is_calm(measured, monkeypatch, now):
    monkeypatch.setattr("inference_bench.orchestration.ceilings.present_load", lambda: now)
    is_calm = now.others_cpus is None
    young = replace(measured[0], measured_utc=datetime.now(UTC).isoformat(), load=MachineLoad(others_cpus=0.01))
    then = datetime.now(UTC) - timedelta(days=OLD_DAYS + 1)

    assert is_worth_measuring(None)
    assert not is_worth_measuring(young)
    assert is_worth_measuring(replace(young, load=MachineLoad(others_cpus=0.5))) == is_calm
    assert is_worth_measuring(replace(young, measured_utc=then.isoformat())) == is_calm
    assert is_worth_measuring(replace(young, gemv=())) == is_calm


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(UnknownNameError, match="float31"):
        measure_ceilings(dtypes=("float31",))
    with pytest.raises(InvalidValueError, match="threads: got '0'"):
        measure_ceilings(threads=(0,))
