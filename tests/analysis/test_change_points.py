from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.change_points import changes
from tests import exact_ranks


def noisy(level, count, seed, spread=0.01):
    return list(level * np.exp(np.random.default_rng(seed).normal(0, spread, count)))


def simulated(seed):
    """Return a history with up to three steps, light or heavy tails, sometimes rounded so that there are ties."""
    random = np.random.default_rng(seed)
    count, spread = int(random.integers(2, 45)), float(random.choice([0, 0.0005, 0.003, 0.01, 0.03, 0.1]))
    values = np.full(count, float(random.choice([1, 100, 3.3e6])))
    for _ in range(random.integers(0, 4)):
        values[random.integers(0, count) :] *= random.choice([0.5, 0.9, 0.97, 1.005, 1.02, 1.05, 1.1, 1.3])
    noise = random.normal(0, 1, count) if random.random() < 0.8 else random.standard_t(2, count)
    values *= np.exp(spread * noise)
    return [float(value) for value in (np.round(values, random.integers(0, 3)) if random.random() < 0.3 else values)]


def test_the_changes_are_those_of_looking_at_every_split():
    found = 0
    for seed in range(250):
        history = simulated(seed)
        assert changes(history) == exact_ranks.changes(history), seed
        found += len(changes(history))
    assert found > 50


def test_a_year_of_nightly_runs():
    history = noisy(100, 100, 1) + noisy(103, 200, 2) + noisy(80, 65, 3)

    (first, rise), (second, fall) = changes(history).items()
    assert (first, second) == (pytest.approx(100, abs=2), pytest.approx(300, abs=2))
    assert (rise, fall) == (pytest.approx(0.03, abs=0.005), pytest.approx(-0.223, abs=0.01))


def test_a_step_is_found_where_it_is():
    found = changes(noisy(100, 12, 1) + noisy(110, 12, 2))

    assert list(found) == [12]
    assert found[12] == pytest.approx(0.1, abs=0.02)


def test_two_steps_are_two_changes():
    found = changes(noisy(100, 10, 1) + noisy(120, 10, 2) + noisy(90, 10, 3))

    assert list(found) == [10, 20]
    assert found[10] > 0 > found[20]


def test_noise_is_hardly_ever_a_change():
    false = sum(bool(changes(noisy(100, 24, seed, spread=0.05))) for seed in range(200))

    assert false <= 10  # at most 5 % by construction, and the margin takes most of these


def test_what_is_within_the_margin_is_no_change():
    assert changes(noisy(100, 15, 1, 0.0001) + noisy(100.5, 15, 2, 0.0001)) == {}


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 3 + [9.0] * 4, [5.0] * 40, [0.0] * 9 + [1.0] * 9])
def test_too_few_equal_or_zero_values_are_no_change(values):
    assert changes(values) == {}
