"""Formulas of demands, against sums over every pair of positions."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from inference_bench.demands import Demands, EncoderDemands, ExpertDemands, WindowDemands, demands_from

PLAIN = Demands(
    weight_bytes=1000,
    kv_bytes_per_position=16,
    multiplied_parameters=200,
    head_parameters=50,
    attention_flops_per_pair=8,
)
WINDOWED = replace(PLAIN, window=WindowDemands(positions=4, kv_bytes_per_position=6, attention_flops_per_pair=3))


@pytest.mark.parametrize("length", [1, 3, 4, 5, 40])
def test_a_prompt_attends_to_itself_and_earlier_positions(length):
    pairs = sum(1 for late in range(length) for early in range(length) if early <= late)
    near = sum(1 for late in range(length) for early in range(length) if late - 4 < early <= late)

    assert PLAIN.prefill_flops(length) == 2 * (200 * length + 50) + 8 * pairs
    assert WINDOWED.prefill_flops(length) == PLAIN.prefill_flops(length) + 3 * near


@pytest.mark.parametrize(("context", "kept"), [(3, 3), (4, 4), (100, 4)])
def test_a_window_bounds_what_a_step_reads(context, kept):
    assert WINDOWED.decode_bytes(context, 5) == 1000 + 5 * (16 * context + 6 * kept)
    assert WINDOWED.decode_flops(context, 5) == 5 * (2 * 250 + 8 * context + 3 * kept)


def test_prefill_and_decode_agree_on_one_token():
    assert PLAIN.prefill_flops(1) == PLAIN.decode_flops(1)
    assert WINDOWED.prefill_flops(1) == WINDOWED.decode_flops(1)


def test_a_batch_reads_more_experts_until_it_reads_all():
    mixed = replace(PLAIN, experts=ExpertDemands(weight_bytes=800, share=0.25))

    assert mixed.decode_bytes(0, 1) == 1000  # its own experts are among the weights
    assert mixed.decode_bytes(0, 2) == 1000 + 150  # 1 - 0.75² of 800, less the quarter
    assert mixed.decode_bytes(0, 200) == 1000 + 600


def test_an_encoder_reads_every_pair_of_a_prompt():
    both = replace(PLAIN, encoder=EncoderDemands(parameters=70, attention_flops_per_pair=5))

    assert both.prefill_flops(10) == 2 * 70 * 10 + 5 * 100 + PLAIN.decode_flops(11)
    assert both.decode_bytes(12) == PLAIN.decode_bytes(12)


def test_the_share_that_the_formula_misses():
    flops = 2 * (200 * 10 + 50) + 8 * 100
    counted = replace(PLAIN, counted_prefill_flops=flops * 2, counted_length=10)

    assert counted.missed_share == 0.5
    assert not counted.knows_prefill
    assert replace(counted, counted_prefill_flops=round(flops * 1.01)).knows_prefill
    assert PLAIN.missed_share is None
    assert PLAIN.knows_prefill


@pytest.mark.parametrize(
    "demands",
    [
        PLAIN,
        WINDOWED,
        replace(PLAIN, matrices=((6, 2), (35, 1))),
        replace(WINDOWED, experts=ExpertDemands(8, 0.5), encoder=EncoderDemands(3, 4), operations_per_step=9),
    ],
)
def test_demands_are_plain_data_and_back(demands):
    assert demands_from({**asdict(demands), "of a later version": 1}) == demands
