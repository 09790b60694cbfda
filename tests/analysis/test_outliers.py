"""Tukey's outliers."""

from __future__ import annotations

import numpy as np

from inference_bench.analysis.outliers import tukey_outliers


def test_outliers_on_the_log_scale():
    values = np.array([100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 500, 10_000, 1])
    logs = np.log(values)
    first, third = np.quantile(logs, [0.25, 0.75], method="inverted_cdf")

    def beyond(ranges):
        low, high = first - ranges * (third - first), third + ranges * (third - first)
        return int(((logs < low) | (logs > high)).sum())

    assert tukey_outliers(values) == (beyond(1.5) - beyond(3), beyond(3)) == (1, 2)


def test_outliers_on_the_linear_scale_where_values_are_not_positive():
    assert tukey_outliers(np.array([-1, 0, 1, 2, 3, 4, 5, 6, 18, 40])) == (1, 1)


def test_no_outliers_without_a_spread():
    assert tukey_outliers(np.array([5, 5, 5, 5, 5, 5, 5, 99])) == (0, 0)
    assert tukey_outliers(np.array([], np.int64)) == (0, 0)
