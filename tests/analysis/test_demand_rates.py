from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from inference_bench.analysis.demand_rates import demand_rates
from inference_bench.demands import Demands, EncoderDemands, Passes

DEMANDS = Demands(
    weight_bytes=1000,
    kv_bytes_per_position=16,
    multiplied_parameters=200,
    head_parameters=50,
    attention_flops_per_pair=8,
)


@pytest.mark.parametrize("new_tokens", [2, 8, 32])
def test_the_mean_context_is_that_of_the_decode_steps(new_tokens):
    contexts = [128 + token - 1 for token in range(2, new_tokens + 1)]

    assert Passes(128, new_tokens).mean_context == fmean(contexts)


def test_a_generation():
    rates = demand_rates(DEMANDS, Passes(10, new_tokens=4, rows=3))

    assert rates == {
        "prefill_flop_rate": 3 * (2 * (200 * 10 + 50) + 8 * 55),
        "achieved_bandwidth": 1000 + 3 * 16 * 12,
        "decode_flop_rate": 3 * (2 * 250 + 8 * 12),
    }


def test_one_token_has_no_decode_step():
    assert set(demand_rates(DEMANDS, Passes(10, new_tokens=1))) == {"prefill_flop_rate"}


def test_an_encoder_has_a_forward_pass():
    encoder = replace(
        DEMANDS, multiplied_parameters=0, head_parameters=0, attention_flops_per_pair=0, encoder=EncoderDemands(7, 3)
    )

    assert demand_rates(encoder, Passes(10)) == {"forward_flop_rate": 2 * 7 * 10 + 3 * 100}


def test_a_formula_that_the_counter_contradicts_gives_no_rate_of_the_prompt():
    contradicted = replace(DEMANDS, counted_prefill_flops=10**9, counted_length=10)

    assert set(demand_rates(contradicted, Passes(10, new_tokens=4))) == {"achieved_bandwidth", "decode_flop_rate"}
