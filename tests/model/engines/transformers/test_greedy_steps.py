"""The steps give the tokens of ``generate``, across every length at which a position or a cache changes its kind."""

from __future__ import annotations

from typing import Any

import pytest

from inference_bench.model.engines.transformers.causal_lm import CausalLMGenerator
from inference_bench.model.engines.transformers.causal_lm_batch import CausalLMBatchGenerator
from inference_bench.model.engines.transformers.greedy_steps import GreedySteps, PreparedSteps, greedy_steps
from tests.tiny_networks import CONFIGS, prompts, tiny

NEW = 8
LENGTHS = (1, 12, 28)
"""Prompts before, and across, 16 (windows, chunks) and 32 (rotary factors)."""


def generated(network: Any, **inputs: Any) -> list[list[int]]:
    """Return the rows of new tokens of transformers' own greedy generation."""
    import torch
    from transformers import GenerationConfig

    own, network.generation_config = network.generation_config, GenerationConfig(do_sample=False, pad_token_id=0)
    try:
        with torch.inference_mode():
            ids = network.generate(**inputs, max_new_tokens=NEW, do_sample=False)
    finally:
        network.generation_config = own
    return [row[inputs["input_ids"].shape[1] :] for row in ids.tolist()]


@pytest.mark.parametrize("name", CONFIGS)
def test_steps_are_generate(name: str) -> None:
    generator = CausalLMGenerator(tiny(name), prompts())
    for length in LENGTHS:
        prompt = generator.prompt(length)
        steps = [generator.prefill(prompt), *(generator.decode() for _ in range(NEW - 1))]
        assert steps == list(generator.generate(prompt, NEW)), f"prompt of {length} tokens"


@pytest.mark.parametrize("name", CONFIGS)
def test_rows_of_a_batch_are_generate(name: str) -> None:
    """With padding and without; a network that cannot be padded is compared with itself, padded."""
    generator = CausalLMBatchGenerator(tiny(name), prompts())
    for lengths in ((28, 28), (28, 7)):
        batch = generator.prompts(lengths)
        steps = [generator.prefill(batch), *(generator.decode() for _ in range(NEW - 1))]
        masking = {} if batch.mask is None else {"attention_mask": batch.mask}
        expected = generated(tiny(name), input_ids=batch.ids, **masking)
        assert [list(row) for row in zip(*steps, strict=True)] == expected, f"prompts of {lengths} tokens"


def test_the_lengths_cross_a_boundary_that_matters() -> None:
    """Without the network's own preparation the same steps give other tokens: these tests can fail."""
    network = tiny("phi3 longrope")
    steps, prompt = GreedySteps(network), CausalLMGenerator(network, prompts()).prompt(28)
    plain = [int(steps.begin(prompt)), *(int(steps.advance()) for _ in range(NEW - 1))]
    assert plain != list(CausalLMGenerator(network, prompts()).generate(prompt, NEW))


def test_only_networks_that_ask_for_it_pay_for_preparation() -> None:
    assert type(greedy_steps(tiny("llama"))) is GreedySteps
    assert type(greedy_steps(tiny("phi3 longrope"))) is PreparedSteps
