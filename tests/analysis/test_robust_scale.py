"""Qn."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.robust_scale import qn_scale


@pytest.mark.parametrize("n", [*range(2, 13), 49, 50])
def test_qn_estimates_the_standard_deviation_of_normal_values(n):
    generator = np.random.default_rng(n)

    assert np.mean([qn_scale(generator.standard_normal(n)) for _ in range(3000)]) == pytest.approx(1, abs=0.05)


def test_nearly_half_of_the_values_cannot_carry_it_away():
    values = np.random.default_rng(1).standard_normal(50)
    values[:20] += 1e6

    assert qn_scale(values) < 10
