"""Demands of tiny networks: by hand, and against torch's own counter."""

from __future__ import annotations

import pytest

from inference_bench.errors import NotApplicableError
from inference_bench.model.engines.transformers.causal_lm import CausalLMGenerator
from inference_bench.model.engines.transformers.operation_counters import counted_operations, flop_counter
from inference_bench.spec import Setup
from tests import tiny_models
from tests.tiny_networks import CONFIGS, prompts, tiny

_UNCOUNTED = {
    "llama4_text chunks": "runs every expert on every token",
    "openai-gpt without a cache": "no cache",
    "xlnet memories": "no cache",
    **dict.fromkeys(("mamba", "falcon_mamba", "mamba2", "rwkv"), "a state"),
    **dict.fromkeys(("jamba hybrid", "bamba hybrid", "falcon_h1 hybrid"), "a state"),
    **dict.fromkeys(("qwen3_next hybrid", "lfm2 convolutions"), "a state"),
}
_STATES = [name for name, why in _UNCOUNTED.items() if why == "a state"]
_LLAMA_LAYER = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 48
"""Parameters of the projections of query, key, value and output, and of the feed-forward part."""


def _demands(name: str):
    return CausalLMGenerator(tiny(name), prompts()).demands()


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in _UNCOUNTED])
def test_the_formula_of_a_prefill_agrees_with_the_counter_of_torch(name):
    demands = _demands(name)

    assert demands.counted_length == 16
    assert demands.missed_share == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("name", ["T5ForConditionalGeneration", "BartForConditionalGeneration", "MarianMTModel"])
def test_the_formula_of_an_encoder_decoder_agrees_with_the_counter_of_torch(name):
    demands = tiny_models.loaded(name).generator().demands()

    assert demands.missed_share == pytest.approx(0, abs=0.001)
    # Two layers of the decoder: query and output of both attentions, key and value of its own, feed-forward.
    assert demands.multiplied_parameters == 2 * (6 * 32 * 32 + 2 * 32 * 64)
    # Two layers of the encoder, and the keys and values that the decoder makes of its output.
    assert demands.encoder.parameters == 2 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * 2 * 32 * 32
    assert demands.kv_bytes_per_position == 2 * 2 * 32 * 4


def test_a_llama_by_hand():
    demands = _demands("llama")

    assert demands.multiplied_parameters == 4 * _LLAMA_LAYER
    assert demands.head_parameters == 300 * 32
    norms, row = (2 * 4 + 1) * 32, 32
    assert demands.weight_bytes == 4 * (4 * _LLAMA_LAYER + 300 * 32 + norms + row)
    assert demands.kv_bytes_per_position == 2 * 4 * 2 * 8 * 4  # keys and values, 4 layers, 2 heads of 8, float32
    assert demands.attention_flops_per_pair == 4 * 4 * 2 * (8 + 8)  # 4 layers, 4 query heads
    assert demands.window is demands.experts is demands.encoder is None
    assert demands.decode_bytes(100, 3) == demands.weight_bytes + 3 * 100 * 512


def test_layers_with_a_window_are_counted_apart():
    mistral, mixed = _demands("mistral window"), _demands("gpt_oss windows")

    assert (mistral.kv_bytes_per_position, mistral.window.kv_bytes_per_position) == (0, 512)
    assert mistral.window.positions == mixed.window.positions == 16
    assert mistral.decode_bytes(200) == mistral.decode_bytes(16)
    assert mixed.kv_bytes_per_position == mixed.window.kv_bytes_per_position == 256


def test_only_the_experts_that_a_token_takes_are_read():
    demands = _demands("phimoe longrope")

    experts = 4 * 4 * 3 * 32 * 48  # layers, experts, matrices
    assert demands.experts.weight_bytes == 4 * experts
    assert demands.experts.share == 0.5
    attention, router = 4 * (2 * 32 * 32 + 2 * 32 * 16), 4 * 4 * 32
    assert demands.multiplied_parameters == attention + router + experts // 2


def test_a_table_of_embeddings_is_one_row_and_a_tied_head_is_whole():
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("gpt2", **CONFIGS["gpt2 learned positions"], tie_word_embeddings=True)
    tied = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train(False)
    assert tied.lm_head.weight is tied.transformer.wte.weight

    demands = CausalLMGenerator(tied, prompts()).demands()

    assert demands.head_parameters == 300 * 32
    layer_bytes = 2 * 4 * (12 * 32 * 32 + 3 * 32 + 32 + 4 * 32 + 32 + 4 * 32)  # matrices, biases, norms
    assert demands.weight_bytes == layer_bytes + 4 * (300 * 32 + 2 * 32 + 2 * 32)  # head, last norm, two rows


def test_int8_is_read_as_it_is_stored():
    exact = tiny_models.loaded("T5ForConditionalGeneration").generator().demands()
    quantized = tiny_models.loaded("T5ForConditionalGeneration", Setup(dtype="int8_dynamic")).generator().demands()

    matrices = exact.multiplied_parameters + exact.head_parameters
    assert quantized.weight_bytes == exact.weight_bytes - 3 * matrices
    assert quantized.multiplied_parameters == exact.multiplied_parameters
    assert quantized.matrices == exact.matrices
    assert quantized.missed_share == pytest.approx(0, abs=0.001)


def test_an_encoder_alone():
    import torch
    from transformers import AutoConfig, AutoModel

    from inference_bench.model.engines.transformers.text_encoder import EmbeddingModel

    config = {**tiny_models.CONFIGS["BertForTokenClassification"]}
    model = type("Tiny", (EmbeddingModel,), {"architecture": config, "name": "bert", "max_input_length": 64})()
    torch.manual_seed(0)
    model._network = AutoModel.from_config(AutoConfig.for_model(**config), dtype=torch.float32).train(False)

    demands = model.encoder().demands()

    assert demands.encoder.parameters == 2 * (4 * 32 * 32 + 2 * 32 * 64)
    assert demands.multiplied_parameters == 32 * 32  # the pooler sees the first position
    assert demands.missed_share == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("name", [*_STATES, "openai-gpt without a cache"])
def test_a_network_without_keys_and_values_is_refused(name):
    with pytest.raises(NotApplicableError, match="cache"):
        _demands(name)


def test_a_network_that_computes_more_than_it_needs_is_not_believed():
    demands = _demands("llama4_text chunks")

    assert demands.missed_share > 0.1
    assert not demands.knows_prefill


def test_counting_leaves_the_tokens_as_they_were():
    generator = CausalLMGenerator(tiny("llama dynamic positions"), prompts())
    prompt = generator.prompt(40)
    before = [generator.prefill(prompt), *(generator.decode() for _ in range(5))]

    first, second = generator.demands(), generator.demands()

    assert first == second
    assert [generator.prefill(prompt), *(generator.decode() for _ in range(5))] == before


def test_operations_are_counted_without_views():
    import torch

    rows = torch.ones(4, 6)
    with torch.inference_mode(), counted_operations() as found:
        (rows.view(6, 4).t() @ rows.view(6, 4) + 1).sum()

    assert found.operations == 3


def test_the_counter_knows_attention_on_a_cpu_and_sorted_experts():
    import torch

    query, key = torch.ones(1, 4, 5, 8), torch.ones(1, 4, 7, 8)
    with flop_counter() as attention:
        torch.nn.functional.scaled_dot_product_attention(query, key, key)
    with flop_counter() as experts:
        ends = torch.tensor([2, 6], dtype=torch.int32)
        torch._grouped_mm(torch.ones(6, 16), torch.ones(2, 16, 24), offs=ends)

    assert attention.get_total_flops() == 2 * 2 * 4 * 5 * 7 * 8
    assert experts.get_total_flops() == 2 * 6 * 16 * 24


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in _UNCOUNTED])
def test_the_matrices_of_a_step_are_all_that_a_token_is_multiplied_by(name):
    demands = _demands(name)
    multiplied = demands.multiplied_parameters + demands.head_parameters
    assert sum(size * count for size, count in demands.matrices) == (0 if demands.experts else multiplied)


def test_the_matrices_of_a_llama_by_hand():
    wide, narrow, inner, head = 32 * 32, 32 * 16, 32 * 48, 300 * 32
    assert _demands("llama").matrices == ((narrow, 8), (wide, 8), (inner, 12), (head, 1))
