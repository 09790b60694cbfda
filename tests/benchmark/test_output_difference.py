"""Figures of agreement in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.benchmark.output_difference import FIGURES, differences
from inference_bench.errors import InvalidValueError
from inference_bench.metrics import METRICS


def test_figures_in_closed_form():
    reference, output = np.array([[3.0, 4.0]]), np.array([[3.0, -4.0]])

    found = differences("output", reference, output)

    assert found == {
        "output_error": pytest.approx(8 / 5),
        "max_output_error": pytest.approx(8 / 4),
        "cosine_distance": pytest.approx(1 - (9 - 16) / 25),
        "top1_class": 0.0,
    }
    assert set(found) < set(FIGURES) <= set(METRICS)


def test_a_small_angle_keeps_its_digits():
    angle = 1e-9
    found = differences("x", np.array([1.0, 0.0]), np.array([math.cos(angle), math.sin(angle)]))

    assert found["cosine_distance"] == pytest.approx(angle**2 / 2, rel=1e-6)


@pytest.mark.parametrize(("output", "expected"), [([0.0, 0.0], (0, 0, 0)), ([0.0, 1.0], (1, 1, 1))])
def test_a_reference_of_zeros(output, expected):
    assert tuple(differences("x", np.zeros(2), np.array(output)).values()) == expected


def test_classes_are_logits_or_a_lone_matrix():
    rows = np.array([[0.1, 0.9], [0.8, 0.2]])
    other = rows[:, ::-1].copy()
    other[1] = rows[1]

    assert differences("logits", rows, other)["top1_class"] == 0.5
    assert differences("head.logits", rows[None], other[None])["top1_class"] == 0.5
    assert differences("output", rows, other)["top1_class"] == 0.5
    assert "top1_class" not in differences("last_hidden_state", rows, other)
    assert "top1_class" not in differences("output", rows[None], other[None])


def test_whole_numbers_are_equal_or_not():
    assert differences("ids", np.array([1, 2, 3, 4]), np.array([1, 2, 9, 4])) == {"same_values": 0.75}
    assert differences("ids", np.array([1, 2]), np.array([1, 2, 3])) == {"same_values": 0.0}
    assert differences("mask", np.array([True]), np.array([True])) == {"same_values": 1.0}


def test_floats_of_another_shape_are_refused():
    with pytest.raises(InvalidValueError, match=r"output boxes: got 'shape \(2,\)', expected \(3,\)"):
        differences("boxes", np.zeros(3), np.zeros(2))


def test_infinity_where_the_reference_is_finite_is_refused_and_the_same_one_left_out():
    masked = np.array([-math.inf, 1.0, math.nan])
    assert differences("scores", masked, masked)["output_error"] == 0

    with pytest.raises(InvalidValueError, match=r"output scores: got 'inf', expected 2.*another dtype"):
        differences("scores", np.array([1.0, 2.0]), np.array([1.0, math.inf]))


def test_complex_outputs_have_a_size():
    found = differences("x", np.array([3 + 4j]), np.array([3 + 4.5j]))

    assert (found["output_error"], found["max_output_error"]) == (0.1, 0.1)
