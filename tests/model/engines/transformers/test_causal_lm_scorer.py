"""The scorer's numbers against plain forward passes over whole texts, without cache, batch or padding."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from inference_bench.errors import InvalidValueError, NotApplicableError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engines.transformers.causal_lm import CausalLM
from inference_bench.model.engines.transformers.causal_lm_scorer import CausalLMScorer
from inference_bench.model.engines.transformers.network_kinds import reads_ahead
from inference_bench.model.engines.transformers.quantization import quantize_int8
from inference_bench.model.engines.transformers.rotary_state import RotaryState
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from tests.scorers import byte_tokenizer
from tests.tiny_networks import CONFIGS, tiny

ARCHITECTURES = ("smollm2_135m_instruct", "glm_4_7_flash", "qwen3_coder_next", "qwen3_coder_30b_a3b_instruct")
"""Grouped-query, latent and linear attention, and mixtures of experts: each keeps another kind of cache."""

CONTEXT, CONTINUATIONS = "The quick brown fox", [" jumps over the dog.", " sleeps", "!"]


def loaded(name: str) -> CausalLM:
    found = load_model(find_models()[name])
    setup = Setup(weights="random", scale="reduced")
    model = found()
    assert isinstance(model, CausalLM)
    model.load(setup, resolve_weights(found, setup, print), LoadSteps())
    return model


@pytest.fixture(scope="module")
def model() -> CausalLM:
    return loaded(ARCHITECTURES[0])


@pytest.fixture
def scorer(model: CausalLM) -> CausalLMScorer:
    return CausalLMScorer(model.network, byte_tokenizer(), model.text_ids, limit=64)


def plain(network: Any, ids: list[int], first: int) -> tuple[float, bool]:
    """Return the log-likelihood of ``ids[first:]`` given what comes before, and whether greedy text is the same."""
    import torch

    RotaryState(network).reset()
    with torch.inference_mode():
        logits = network(torch.tensor([ids[:-1]])).logits[0].double()
    rows = torch.log_softmax(logits, -1)
    same = all(int(rows[place - 1].argmax()) == ids[place] for place in range(first, len(ids)))
    return sum(rows[place - 1, ids[place]].item() for place in range(first, len(ids))), same


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_continuations_on_a_shared_cache(name: str) -> None:
    network = loaded(name).network
    tokenizer = byte_tokenizer()
    found = CausalLMScorer(network, tokenizer, lambda count: [0] * count, 64).log_likelihoods(CONTEXT, CONTINUATIONS)
    for likelihood, text in zip(found, CONTINUATIONS, strict=True):
        ids = tokenizer(CONTEXT + text)["input_ids"]
        expected, same = plain(network, ids, len(CONTEXT))
        assert likelihood.log_likelihood == pytest.approx(expected, rel=1e-5)
        assert (likelihood.tokens, likelihood.greedy) == (len(text), same)


def test_what_greedy_generation_writes_is_greedy(model: CausalLM, scorer: CausalLMScorer) -> None:
    """Random weights write bytes that are no text, so the ids go in as they are."""
    ids = scorer.passages(1, 8)[0]
    wanted = scorer.greedy(ids, 5)
    first, cache = scorer._prefill(ids)
    assert int(first.argmax()) == wanted[0]
    _, greedy = scorer._run(scorer._tensor([wanted[:-1]]), scorer._tensor([wanted[1:]]), cache)
    assert greedy.all()


def test_white_space_before_a_continuation_belongs_to_it(scorer: CausalLMScorer) -> None:
    inside, outside = scorer.log_likelihoods("fox", [" runs"])[0], scorer.log_likelihoods("fox ", ["runs"])[0]
    assert inside == outside
    assert outside.tokens == 5


def test_without_a_context_the_first_token_follows_the_beginning_of_text(
    model: CausalLM, scorer: CausalLMScorer
) -> None:
    tokenizer = byte_tokenizer()
    expected, _ = plain(model.network, [tokenizer.bos_token_id, *tokenizer("fox")["input_ids"]], 1)
    assert scorer.log_likelihoods("", ["fox"])[0].log_likelihood == pytest.approx(expected, rel=1e-5)
    assert scorer.text_likelihood("fox").log_likelihood == pytest.approx(expected, rel=1e-5)


def test_a_long_context_loses_its_beginning(model: CausalLM, scorer: CausalLMScorer) -> None:
    tokenizer = byte_tokenizer()
    context = "x" * 40 + "a longer text than the sixty-four positions hold"
    for likelihood, text in zip(scorer.log_likelihoods(context, CONTINUATIONS[:1]), CONTINUATIONS[:1], strict=True):
        ids = tokenizer(context + text)["input_ids"][-65:]
        expected, _ = plain(model.network, ids, 65 - len(text))
        assert likelihood.log_likelihood == pytest.approx(expected, rel=1e-5)


def test_a_long_text_is_read_in_windows(model: CausalLM, scorer: CausalLMScorer) -> None:
    tokenizer = byte_tokenizer()
    text = (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."
    )
    ids = tokenizer(text)["input_ids"]
    assert 64 < len(ids) < 128
    first, _ = plain(model.network, [tokenizer.bos_token_id, *ids[:64]], 1)
    second, _ = plain(model.network, ids[63:], 1)
    found = scorer.text_likelihood(text)
    assert found.log_likelihood == pytest.approx(first + second, rel=1e-5)
    assert found.tokens == len(ids)


def test_positions_are_run_in_pieces(model: CausalLM, scorer: CausalLMScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scorer.log_likelihoods(CONTEXT, CONTINUATIONS)
    monkeypatch.setattr("inference_bench.model.engines.transformers.causal_lm_scorer._POSITIONS", 7)
    pieces = scorer.log_likelihoods(CONTEXT, CONTINUATIONS)
    values = [[likelihood.log_likelihood for likelihood in found] for found in (whole, pieces)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


TEMPLATES = {"none": ["$A"], "begin": ["<s>", "$A"], "end": ["$A", "</s>"], "both": ["<s>", "$A", "</s>"]}


def templated(parts: list[str]) -> Any:
    """Return the byte tokenizer with special tokens around each text."""
    from tokenizers import processors

    tokenizer = byte_tokenizer()
    ids = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("<s>", "</s>")]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single=parts, special_tokens=ids)
    return tokenizer


@pytest.mark.parametrize("parts", TEMPLATES.values(), ids=TEMPLATES)
def test_an_end_token_that_the_tokenizer_appends_is_no_part_of_a_text(model: CausalLM, parts: list[str]) -> None:
    tokenizer = templated(parts)
    begin = [tokenizer.bos_token_id] if "<s>" in parts else []
    scorer = CausalLMScorer(model.network, tokenizer, model.text_ids, limit=64)
    for likelihood, text in zip(scorer.log_likelihoods(CONTEXT, CONTINUATIONS), CONTINUATIONS, strict=True):
        ids = [*begin, *tokenizer(CONTEXT + text, add_special_tokens=False)["input_ids"]]
        expected, _ = plain(model.network, ids, len(begin) + len(CONTEXT))
        assert likelihood.tokens == len(text)
        assert likelihood.log_likelihood == pytest.approx(expected, rel=1e-5)
    assert scorer._words.begun("fox") == [*begin, *tokenizer("fox", add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize("parts", TEMPLATES.values(), ids=TEMPLATES)
def test_a_text_that_begins_with_the_first_token_gets_no_second(model: CausalLM, parts: list[str]) -> None:
    """Chat templates write it themselves."""
    tokenizer = templated(parts)
    tokens = CausalLMScorer(model.network, tokenizer, model.text_ids, limit=64)._words.begun("<s>fox")
    assert tokens == [tokenizer.bos_token_id, *tokenizer("fox", add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize("name", CONFIGS)
def test_choices_and_texts_are_those_of_plain_passes(name: str) -> None:
    """On every kind of cache and of positions, or without one, across the lengths at which they change."""
    network, tokenizer = tiny(name), byte_tokenizer()
    scorer = CausalLMScorer(network, tokenizer, lambda count: [0] * count, 128)
    context, choices = "The quick brown fox jumps o", ["ver", "ut of its box and runs"]
    if name.startswith("xlnet"):
        with pytest.raises(NotApplicableError, match="reads a text in both directions"):
            scorer.log_likelihoods(context, choices)
        return
    for likelihood, text in zip(scorer.log_likelihoods(context, choices), choices, strict=True):
        expected, same = plain(network, tokenizer(context + text)["input_ids"], len(context))
        assert likelihood.log_likelihood == pytest.approx(expected, rel=1e-4)
        assert likelihood.greedy == same
    ids = [tokenizer.bos_token_id, *tokenizer(context)["input_ids"]]
    assert scorer.text_likelihood(context).log_likelihood == pytest.approx(plain(network, ids, 1)[0], rel=1e-4)


def test_what_was_scored_before_changes_nothing() -> None:
    """Dynamic positions remember the longest text, and a text in between would be read with its factors."""
    network, tokenizer = tiny("llama dynamic positions"), byte_tokenizer()
    scorer = CausalLMScorer(network, tokenizer, lambda count: [0] * count, 128)
    first = scorer.text_likelihood("x" * 40)
    scorer.text_likelihood("y" * 120)
    assert scorer.text_likelihood("x" * 40) == first
    fresh = copy.deepcopy(network)
    RotaryState(fresh).reset()
    long, short = list(range(10, 130)), list(range(10, 50))
    scorer.greedy(long[:100], 8)
    other = CausalLMScorer(fresh, tokenizer, lambda count: [0] * count, 128)
    assert scorer.greedy(short, 8) == other.greedy(short, 8)
    assert np.array_equal(scorer.logits(short), other.logits(short))


@pytest.mark.parametrize("name", ["llama", "phi3 longrope", "mamba", "openai-gpt without a cache"])
def test_logits_in_pieces_are_those_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference_bench.model.engines.transformers.causal_lm_scorer._POSITIONS", 7)
    network, tokenizer = tiny(name), byte_tokenizer()
    scorer = CausalLMScorer(network, tokenizer, lambda count: [0] * count, 128)
    text = "The quick brown fox jumps over the lazy dog."
    ids = [tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]
    assert scorer.text_likelihood(text).log_likelihood == pytest.approx(plain(network, ids, 1)[0], rel=1e-4)


@pytest.mark.parametrize("text", ["", "x" * 65])
def test_a_continuation_that_cannot_be_scored(scorer: CausalLMScorer, text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"tokens of the continuations: got '1, \d+', expected 1 to 64 each"):
        scorer.log_likelihoods("x", ["y", text])


def test_text_is_completed_up_to_a_stop(model: CausalLM) -> None:
    """A network of the test's own writes the alphabet, so that what comes out is known."""
    tokenizer = byte_tokenizer()
    network = alphabet(tokenizer)
    scorer = CausalLMScorer(network, tokenizer, model.text_ids, 64)
    assert scorer.complete("xyza", [], 4) == "bcde"
    assert scorer.complete("xyza", ["fgh", "d"], 20) == "bc"
    assert scorer.complete("xyza", ["d", "bc"], 20) == ""
    assert scorer.complete("w", [], 20) == "xyz"  # z ends the text
    with pytest.raises(InvalidValueError, match=r"new tokens: got 64, expected 1 to 63"):
        scorer.complete("x", [], 64)


def alphabet(tokenizer: Any) -> Any:
    """Return a network after whose every letter the next one is likeliest, and after z the end of text."""
    import torch
    from transformers import GenerationConfig
    from transformers.modeling_outputs import CausalLMOutputWithPast

    following = list(range(1, len(tokenizer) + 1))
    following[tokenizer("z")["input_ids"][0]] = tokenizer.eos_token_id

    class Alphabet(torch.nn.Module):
        device = torch.device("cpu")
        generation_config = GenerationConfig(eos_token_id=[tokenizer.eos_token_id])

        def forward(self, input_ids: Any, **options: Any) -> Any:
            wanted = torch.tensor(following)[input_ids]
            logits = torch.nn.functional.one_hot(wanted, len(tokenizer) + 1).float()
            return CausalLMOutputWithPast(logits=logits)

    return Alphabet()


def test_logits_and_passages(model: CausalLM, scorer: CausalLMScorer) -> None:
    passages = scorer.passages(3, 10)
    assert [len(ids) for ids in passages] == [10, 10, 10]
    assert len(set(map(tuple, passages))) == 3
    logits = scorer.logits(passages[0])
    assert (logits.shape, logits.dtype) == ((10, 2048), np.float32)
    assert logits[-1].argmax() == scorer.greedy(passages[0], 1)[0]
    with pytest.raises(InvalidValueError, match="sequence: got '65 tokens', expected at most 64"):
        scorer.greedy(passages[0], 55)


def test_random_weights_say_nothing_of_a_text(model: CausalLM) -> None:
    with pytest.raises(NotApplicableError, match="these weights have no tokenizer"):
        model.scorer().log_likelihoods("a", ["b"])
    assert len(model.scorer().greedy([1, 2], 3)) == 3


# Mamba and RWKV layers read the raw weights of the layers in them, which quantised ones do not have.
@pytest.mark.parametrize("name", [name for name in CONFIGS if "amba" not in name and name != "rwkv"])
def test_int8_activations_do_not_make_a_network_read_ahead(name: str) -> None:
    """Their scale is that of the whole text, so that every later token changes earlier logits."""
    network = quantize_int8(tiny.__wrapped__(name).float())  # not the one that other tests share

    assert reads_ahead(network) == name.startswith("xlnet")
