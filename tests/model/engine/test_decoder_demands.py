from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.errors import NotApplicableError
from inference_bench.model.engine.decoder_demands import check_parameters, decoder_demands, sizes_of_config
from inference_bench.model.engines.transformers.causal_lm import CausalLMGenerator
from tests.tiny_networks import CONFIGS, prompts, tiny

CONFIG = {**CONFIGS["llama"], "tie_word_embeddings": False}
SIZES = sizes_of_config(CONFIG)


def test_sizes_give_what_the_loaded_network_gives():
    """A decoder is counted twice: from its configuration here, from its modules in transformers."""
    network = tiny("llama")
    stored = sum(each.numel() * 4 for each in network.parameters())
    exact = CausalLMGenerator(network, prompts()).demands()

    found = decoder_demands(SIZES, stored, kv_element_bytes=4, table_bytes=4 * SIZES.table)

    assert found.multiplied_parameters == exact.multiplied_parameters
    assert found.head_parameters == exact.head_parameters
    assert found.kv_bytes_per_position == exact.kv_bytes_per_position
    assert found.attention_flops_per_pair == exact.attention_flops_per_pair
    assert found.weight_bytes == exact.weight_bytes - 4 * 32  # without the row of the table
    assert found.operations_per_step is found.counted_prefill_flops is None


def test_a_tied_table_is_read_as_the_head():
    tied = replace(SIZES, is_tied=True)

    assert decoder_demands(tied, 1000, 2).weight_bytes == 1000
    assert decoder_demands(SIZES, SIZES.parameters, 2).weight_bytes == SIZES.parameters - SIZES.table


def test_parameters_that_the_sizes_do_not_explain_are_refused():
    check_parameters(SIZES, SIZES.parameters + 300)
    for stored in (SIZES.parameters - 1, 2 * SIZES.parameters):
        with pytest.raises(NotApplicableError, match="are stored"):
            check_parameters(SIZES, stored)


@pytest.mark.parametrize(("config", "words"), [({}, "config.json"), ({**CONFIG, "sliding_window": 64}, "64 positions")])
def test_what_the_sizes_do_not_tell_is_refused(config, words):
    with pytest.raises(NotApplicableError, match=words):
        sizes_of_config(config)


def test_a_window_that_is_not_used_does_not_matter():
    assert sizes_of_config({**CONFIG, "sliding_window": 64, "use_sliding_window": False}) == SIZES
