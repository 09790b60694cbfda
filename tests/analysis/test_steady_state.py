from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.steady_state import Steadiness, steadiness


def _class_of(*levels: float, spread: float = 0.01, each: int = 100, seed: int = 0) -> Steadiness:
    rng = np.random.default_rng(seed)
    return steadiness(np.concatenate([level * np.exp(rng.normal(0, spread, each)) for level in levels]))


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        ((100.0, 100.0, 100.0), Steadiness.FLAT),
        ((120.0, 100.0, 100.0), Steadiness.WARM_UP),
        ((150.0, 120.0, 100.0), Steadiness.WARM_UP),
        ((100.0, 100.0, 120.0), Steadiness.SLOWDOWN),
        ((100.0, 120.0, 100.0), Steadiness.NONE),
        ((120.0, 100.0, 110.0), Steadiness.NONE),
        ((100.0, 100.0, 100.0, 100.0, 120.0), Steadiness.NONE),
    ],
)
def test_samples_that_change_their_level_are_told_by_how_they_end(levels, kind):
    assert _class_of(*levels) is kind


def test_few_series_without_a_change_are_said_to_have_one():
    rng = np.random.default_rng(1)
    normal = rng.standard_normal((400, 300))
    dependent = normal.copy()
    for i in range(1, 300):
        dependent[:, i] = 0.6 * dependent[:, i - 1] + 0.8 * normal[:, i]

    for rows, most in ((normal, 8), (dependent, 20)):
        kinds = [steadiness(1e6 * np.exp(0.1 * row)) for row in rows]
        assert len(kinds) - kinds.count(Steadiness.FLAT) <= most


@pytest.mark.parametrize("values", [np.full(500, 7), np.zeros(500), np.tile([-1, 0, 1], 100)])
def test_constant_and_signed_samples_are_flat(values):
    assert steadiness(values) is Steadiness.FLAT


def test_too_few_samples_have_no_class():
    assert steadiness(np.arange(39)) is Steadiness.UNKNOWN
