"""The scorer of engines gives what the one of transformers gives, on the same network and tokenizer."""

from __future__ import annotations

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference_bench.errors import InvalidValueError, NotApplicableError, UnscorableError
from inference_bench.model.engine.folder_tokenizer import folder_tokenizer
from inference_bench.model.engine.scorer import EngineScorer
from inference_bench.model.engines.transformers.causal_lm_scorer import CausalLMScorer
from tests.engine_on_torch import TorchSession
from tests.place_folders import add_tokenizer, trained


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = trained(tmp_path_factory.mktemp("weights") / "tiny")
    add_tokenizer(folder)
    network = AutoModelForCausalLM.from_pretrained(folder).train(False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = EngineScorer(TorchSession(network), folder_tokenizer(folder), lambda count: list(range(count)))
    return ours, CausalLMScorer(network, tokenizer, lambda count: list(range(count)), 128)


TEXT = "the of and a to in is What ? . " * 12
"""120 tokens; three times as many are more than the network takes at once."""


@pytest.mark.parametrize("context", ["", "the of and ", "What is the ", TEXT * 2])
def test_the_likelihood_of_continuations(both, context):
    ours, theirs = (scorer.log_likelihoods(context, ["a to", "in", "is is is"]) for scorer in both)
    assert [of.tokens for of in ours] == [of.tokens for of in theirs] == [2, 1, 3]
    assert [of.greedy for of in ours] == [of.greedy for of in theirs]
    assert [of.log_likelihood for of in ours] == pytest.approx([of.log_likelihood for of in theirs], abs=1e-4)


@pytest.mark.parametrize("text", ["the", TEXT, TEXT * 3])
def test_the_likelihood_of_a_text(both, text):
    ours, theirs = (scorer.text_likelihood(text) for scorer in both)
    assert (ours.tokens, ours.greedy) == (theirs.tokens, theirs.greedy)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-3)


def test_logits_greedy_tokens_passages_and_text(both):
    ours, theirs = both
    ids = [3, 4, 5, 6, 7, 8, 9]
    assert ours.logits(ids) == pytest.approx(theirs.logits(ids), abs=1e-5)
    assert ours.greedy(ids, 12) == theirs.greedy(ids, 12)
    assert ours.passages(3, 4) == theirs.passages(3, 4)
    assert ours.complete("the of and", ["is"], 9) == theirs.complete("the of and", ["is"], 9)


def test_what_cannot_be_scored(both):
    ours, _ = both
    with pytest.raises(UnscorableError):
        ours.text_likelihood("")
    with pytest.raises(UnscorableError):
        ours.log_likelihoods("the", [""])
    with pytest.raises(UnscorableError):
        ours.complete("the", [], 128)
    with pytest.raises(InvalidValueError, match="at most 128"):
        ours.logits(range(129))
    with pytest.raises(NotApplicableError, match="no tokenizer"):
        EngineScorer(TorchSession(ours._session._network), None, list).text_likelihood("the")
