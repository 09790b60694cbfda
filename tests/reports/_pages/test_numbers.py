from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.reports._pages.numbers import common_step, numbers_of
from inference_bench.result import Estimate
from inference_bench.units import format_value
from tests.report_parts import summary


@pytest.mark.parametrize(
    ("unit", "value", "reach", "expected"),
    [
        ("ns", 72_134_567.0, 0.02, "72.1 ms [70.7, 73.6]"),
        ("ns", 72_134_567.0, 0.0001, "72.135 ms [72.127, 72.142]"),
        ("ns", 812.0, 0.01, "812 ns [804, 820]"),
        ("ns", 0.0, 0.0, "0 ns [0, 0]"),
        ("bytes", -2048.0 * 1024, 0.1, "-2.00 MiB [-1.80, -2.20]"),
        ("tokens/s", 1502.4, 0.01, "1,502 tokens/s [1,487, 1,517]"),
        (None, 0.5, 0.1, "0.500 [0.450, 0.550]"),
        ("nats/token", 7.42e-12, 0.1, "7.4e-12 nats/token [6.7e-12, 8.2e-12]"),
        (None, -0.0005, 0.0, "-5.0e-4 [-5.0e-4, -5.0e-4]"),
    ],
)
def test_numbers_take_the_digits_their_interval_allows(unit, value, reach, expected):
    found = summary(median=value, reach=reach)
    numbers = numbers_of(found, unit)

    assert f"{numbers.with_unit(value)} {numbers.interval(found.quantiles['p50'])}" == expected


def test_the_interval_of_a_zero_is_in_the_unit_that_stands_beside_it():
    found = summary("rss_growth", "load", median=0.0)
    found = replace(found, quantiles={"p50": Estimate(0.0, 0.0, 131_072.0, "order statistics")})
    numbers = numbers_of(found, "bytes")

    assert f"{numbers.with_unit(0.0)} {numbers.interval(found.headline)}" == "0 KiB [0, 128]"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.0, "", "0.00"),
        (0.6, "fraction", "0.60"),
        (0.00493, "fraction", "0.00493"),
        (-0.000049, "nats/token", "-4.9e-5 nats/token"),
        (7.42e-12, "nats/token", "7.4e-12 nats/token"),
        (0.4, "ns", "0.40 ns"),
        (1502.4, "tokens/s", "1502 tokens/s"),
    ],
)
def test_a_small_figure_is_not_written_as_zero(value, unit, expected):
    assert format_value(value, unit) == expected


@pytest.mark.parametrize(
    ("unit", "medians", "expected"),
    [
        ("bytes", (939 * 2.0**20, 1198 * 2.0**20), "MiB"),
        ("ns", (900e3, 1.2e6), "µs"),
        ("ns", (900e3, 90e9), "ms"),
        ("bytes", (0.0, 3 * 2.0**20), "MiB"),
        ("tokens/s", (3.0, 3e6), "tokens/s"),
        ("fraction", (0.1, 0.9), ""),
        ("bytes", (), "B"),
    ],
)
def test_figures_side_by_side_have_one_unit(unit, medians, expected):
    assert common_step([summary(median=median) for median in medians], unit)[1] == expected


def test_a_far_end_decides_the_unit():
    found = replace(summary("rss_growth"), quantiles={"p50": Estimate(512.0, 0.0, 131_072.0, "order statistics")})
    numbers = numbers_of(found, "bytes")

    assert f"{numbers.with_unit(512.0)} {numbers.interval(found.headline)}" == "512 B [0, 131,072]"
    found = replace(found, quantiles={"p50": Estimate(16.0, 0.0, 131_072.0, "order statistics")})
    numbers = numbers_of(found, "bytes")
    assert f"{numbers.with_unit(16.0)} {numbers.interval(found.headline)}" == "0 KiB [0, 128]"


def test_equal_values_add_no_digits():
    found = replace(
        summary("kv_cache_formula"), quantiles={"p50": Estimate(262144.0, 262143.99999999997, 262144.0, "t")}
    )
    numbers = numbers_of(found, "bytes")

    assert numbers.interval(found.headline) == "[256, 256]"
