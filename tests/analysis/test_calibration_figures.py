"""Calibrations of a fleet: the figures side by side, the nodes that are named, over whole tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference_bench.analysis.calibration_figures import calibration_rows, fact_differences, outside_bands
from inference_bench.analysis.calibration_words import difference_words, outside_words
from tests.calibrations import DTYPES, FIGURES, calibration, fleet


def named(calibrations):
    return set(outside_bands(calibration_rows(calibrations, DTYPES)))


def test_the_figures_are_the_fewest_and_the_most_threads_beyond_the_caches_and_the_dtypes_of_the_plan():
    rows = calibration_rows({"n1": calibration(1.0)}, DTYPES)
    assert {row.figure: (row.unit, row.values["n1"]) for row in rows} == {
        "read, 1 thread": ("GB/s", 10.0),
        "float32, 1 thread": ("GFLOP/s", 100.0),
        "read, all threads": ("GB/s", 15.0),
        "float32, all threads": ("GFLOP/s", 180.0),
        "smallest operation": ("ns", 900.0),
        "harness floor": ("ns", 500.0),
        "reading of the clock": ("ns", 20.0),
    }
    assert all(row.band is None for row in rows)


def test_what_a_node_lacks_is_no_figure_of_it():
    bare = replace(calibration(1.0), ceilings=(), floor={}, clock={})
    rows = calibration_rows({"n1": calibration(1.0), "n2": bare}, DTYPES)
    assert len(rows) == FIGURES
    assert all(set(row.values) == {"n1"} for row in rows)


def test_devices_have_figures_of_their_own():
    cpu = calibration(1.0)
    gpu = replace(cpu.ceilings[0], device="cuda:0", launch_ns=cpu.ceilings[0].operation_ns)
    rows = calibration_rows({"n1": replace(cpu, ceilings=(*cpu.ceilings, gpu))}, DTYPES)
    assert {"read, 1 thread", "cuda:0: read, 1 thread", "cuda:0: launch of a kernel"} <= {row.figure for row in rows}


def test_a_slow_node_is_named_with_figure_band_and_ratio():
    found = outside_bands(calibration_rows(fleet(n1=1.0, n2=1.01, n3=0.99, n4=1.0, n5=1.01, n6=0.8), DTYPES))
    assert set(found) == {"n6"}
    assert len(found["n6"]) == FIGURES
    (read,) = (each for each in found["n6"] if each.figure == "read, 1 thread")
    assert read.ratio == pytest.approx(0.8, rel=0.01)
    assert read.value < read.low < 10 < read.high
    assert outside_words(read).startswith("read, 1 thread 8.00 GB/s, ×0.80 of the others, whose band is 9.")


def test_a_node_that_is_slow_in_one_figure_is_named_for_this_one():
    calibrations = {f"n{number}": calibration(1 + number / 1000) for number in range(5)}
    calibrations["n5"] = calibration(1.0, 0.7, *(1.0,) * (FIGURES - 2))
    found = outside_bands(calibration_rows(calibrations, DTYPES))
    assert [each.figure for each in found["n5"]] == ["read, all threads"]
    assert set(found) == {"n5"}


@pytest.mark.parametrize("nodes", [4, 8])
@pytest.mark.parametrize("spread", [0.02, 0.08])
def test_95_per_cent_of_equal_fleets_name_nobody_over_all_figures(nodes, spread):
    generator = np.random.default_rng(nodes)
    silent = 0
    for _ in range(400):
        ratios = np.exp(generator.normal(0, spread, (nodes, FIGURES)))
        silent += not named({f"n{number}": calibration(*row) for number, row in enumerate(ratios)})
    assert silent / 400 >= 0.93  # 0.95 less two standard errors


@pytest.mark.parametrize(("nodes", "spread"), [(4, 0.003), (6, 0.01), (8, 0.015)])
def test_a_node_20_per_cent_slower_is_named_and_no_other(nodes, spread):
    generator = np.random.default_rng(nodes)
    right = 0
    for _ in range(200):
        ratios = np.exp(generator.normal(0, spread, (nodes, FIGURES)))
        ratios[0] *= 0.8
        right += named({f"n{number}": calibration(*row) for number, row in enumerate(ratios)}) == {"n0"}
    assert right / 200 >= 0.9


def test_facts_that_differ_are_told_with_their_nodes_the_commonest_first():
    calibrations = {
        "n1": calibration(1.0),
        "n2": calibration(1.0, cpu__governor="powersave"),
        "n3": calibration(1.0, packages__torch="2.8.0"),
        "n4": replace(calibration(1.0), facts={"cpu.model": "Model 1", "packages.torch": "2.9.1"}),
    }
    assert [difference_words(each) for each in fact_differences(calibrations)] == [
        "cpu.governor differs: performance (n1, n3); powersave (n2); unknown (n4)",
        "packages.torch differs: 2.9.1 (n1, n2, n4); 2.8.0 (n3)",
    ]
    assert fact_differences({"n1": calibration(1.0), "n2": calibration(2.0)}) == []
