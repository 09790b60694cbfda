from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_bench.endpoint import vocabulary
from inference_bench.endpoint.arrivals import offline
from inference_bench.endpoint.counters import by_tokenizer, by_usage
from inference_bench.endpoint.prefix_cache import PrefixCache
from inference_bench.endpoint.prompt_tokens import Account, PromptMaker
from inference_bench.endpoint.workload import sized
from inference_bench.errors import InvalidValueError
from inference_bench.model.prompts import prompt_text
from tests.small_tokenizers import KINDS, server_ids

UNITS_ADD_UP = [kind for kind in KINDS if kind != "unigram_over_spaces"]


@cache
def words(kind: str, *, chat: bool) -> vocabulary.Vocabulary:
    return vocabulary.of_words(prompt_text(), by_tokenizer(server_ids(kind, chat=chat)))


def maker_by_tokenizer(kind: str, *, chat: bool) -> PromptMaker:
    return PromptMaker(words(kind, chat=chat), by_tokenizer(server_ids(kind, chat=chat)))


def maker_by_usage(kind: str, *, chat: bool) -> PromptMaker:
    ids = server_ids(kind, chat=chat)
    counter = by_usage(lambda prompt: len(ids(prompt)))
    return PromptMaker(vocabulary.of_words(prompt_text(), counter), counter)


@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_prompt_has_its_length_where_counting_is_free(kind, chat):
    maker = maker_by_tokenizer(kind, chat=chat)
    ids = server_ids(kind, chat=chat)

    for length in (40, 41, 100, 513):
        load = sized(maker, offline(12), prompt_tokens=length, new_tokens=4)
        assert [len(ids(request.prompt)) for request in load.requests] == [length] * 12
    assert maker.account.is_exact
    assert maker.account.checked == 48


@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
@pytest.mark.parametrize("kind", UNITS_ADD_UP)
def test_usage_converges_in_few_requests(kind, chat):
    maker = maker_by_usage(kind, chat=chat)
    ids = server_ids(kind, chat=chat)
    loads = [sized(maker, offline(12), prompt_tokens=length, new_tokens=4) for length in (64, 513)]

    assert maker.account.counts <= 45
    assert maker.account.is_exact
    for load, length in zip(loads, (64, 513), strict=True):
        assert [len(ids(request.prompt)) for request in load.requests] == [length] * 12


def test_a_load_of_one_length_costs_as_many_requests_for_many_prompts_as_for_one():
    maker = maker_by_usage("byte_bpe", chat=True)
    before = maker.account.counts
    sized(maker, offline(500), prompt_tokens=200, new_tokens=4)

    assert maker.account.counts - before == 2


def test_usage_says_when_tokens_merge_over_words():
    maker = maker_by_usage("unigram_over_spaces", chat=False)
    sized(maker, offline(5), prompt_tokens=400, new_tokens=4)

    assert not maker.account.is_exact
    assert str(maker.account) == "prompt lengths by usage: 1 length tried, only 0 met by 2 trial prompts in a row"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    chat=st.booleans(),
    length=st.integers(30, 700),
    shared=st.floats(0, 1),
    nonce=st.integers(0, 2**63),
)
def test_every_length_is_met_whatever_the_prompts_share(kind, chat, length, shared, nonce):
    maker = maker_by_tokenizer(kind, chat=chat)
    load = sized(
        maker,
        offline(3),
        prompt_tokens=length,
        new_tokens=1,
        prefix_cache=PrefixCache("shared", shared, nonce),
    )
    ids = server_ids(kind, chat=chat)
    lengths = [len(ids(request.prompt)) for request in load.requests]

    assert lengths == [length] * 3 or not maker.account.is_exact
    assert max(abs(each - length) for each in lengths) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_length_below_what_the_server_adds_is_refused(kind):
    maker = maker_by_tokenizer(kind, chat=True)
    added = maker.added(0)

    assert added > 1
    with pytest.raises(InvalidValueError, match=f"at least {added + 1}: the server adds {added} of its own"):
        maker.make(added, lambda units: [0] * units)
    assert len(server_ids(kind, chat=True)(maker.make(added + 1, lambda units: [0] * units).prompt)) == added + 1


def test_ids_are_sent_as_they_are():
    maker = PromptMaker(vocabulary.of_ids(list(range(50, 90)), range(10, 2_000)))
    load = sized(maker, offline(7), prompt_tokens=33, new_tokens=1)

    assert [len(request.prompt) for request in load.requests] == [33] * 7
    assert all(isinstance(token, int) and 10 <= token < 2_000 for request in load.requests for token in request.prompt)
    assert str(load.account) == (
        "prompt lengths by ids: none was counted before the load; usage in the answers tells them"
    )


def test_a_beginning_token_that_the_server_puts_before_ids_is_learned_from_usage():
    maker = PromptMaker(vocabulary.of_ids(list(range(50, 90))), by_usage(lambda prompt: len(prompt) + 1))
    load = sized(maker, offline(3), prompt_tokens=20, new_tokens=1)

    assert [len(request.prompt) for request in load.requests] == [19] * 3
    assert load.account == Account("ids", counts=3, checked=1, exact=1)


def test_a_count_that_grows_with_the_length_is_corrected_at_each_length():
    # One token more for every 100 units, as where a server merges or splits what words alone do not tell.
    counter = by_usage(lambda prompt: len(prompt) + len(prompt) // 100)
    maker = PromptMaker(vocabulary.of_ids(list(range(300))), counter)
    for length in (50, 500, 1_000):
        load = sized(maker, offline(2), prompt_tokens=length, new_tokens=1)
        assert [counter.count(request.prompt) for request in load.requests] == [length] * 2
    assert maker.account.is_exact


def test_trial_prompts_are_none_of_the_load():
    sent = []
    counter = by_usage(lambda prompt: sent.append(tuple(prompt)) or len(prompt))
    maker = PromptMaker(vocabulary.of_ids(list(range(300))), counter)
    load = sized(maker, offline(100), prompt_tokens=40, new_tokens=1)

    assert len(sent) == 3
    assert len({prompt[0] for prompt in sent}) == 3
    assert not {prompt[:4] for prompt in sent} & {tuple(request.prompt[:4]) for request in load.requests}


def test_many_lengths_are_tried_at_a_few():
    counter = by_usage(len)
    maker = PromptMaker(vocabulary.of_ids(list(range(300))), counter)
    maker.try_lengths(range(20, 400))

    assert counter.counted == 1 + 2 * 6
    assert maker.account.checked == 6


def test_what_a_cache_may_hold_by_rights_is_what_the_server_adds_and_what_is_shared():
    maker = PromptMaker(vocabulary.of_ids(list(range(1_024))), by_usage(lambda prompt: len(prompt) + 3))
    code = 4  # units of 10 bits: 40 bits
    limits = {
        text: sized(
            maker,
            offline(1),
            prompt_tokens=103,
            new_tokens=1,
            prefix_cache=PrefixCache.parse(text, seed=1),
        )
        .requests[0]
        .cached_tokens
        for text in ("unique", "shared=0.5", "warm")
    }

    assert limits == {"unique": 3 + code, "shared=0.5": 3 + 50 + code, "warm": None}
