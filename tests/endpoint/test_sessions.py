from __future__ import annotations

import numpy as np
import pytest

from inference_bench.endpoint import vocabulary
from inference_bench.endpoint.arrivals import concurrent, poisson
from inference_bench.endpoint.counters import by_tokenizer, by_usage
from inference_bench.endpoint.prefix_cache import PrefixCache
from inference_bench.endpoint.prompt_tokens import Account, PromptMaker
from inference_bench.endpoint.sessions import conversed, sized_sessions
from inference_bench.endpoint.sources import Conversation, Turn
from inference_bench.errors import InvalidValueError
from inference_bench.model.prompts import prompt_text
from tests.small_tokenizers import server_ids

TALK = Conversation((Turn("what is a ruler", "a tool"), Turn("and a clock", new_tokens=9)), "be brief")
PLAIN = Conversation((Turn("one question"),))
WARM = PrefixCache.parse("warm", seed=1)


@pytest.fixture
def maker():
    counter = by_tokenizer(server_ids("byte_bpe", chat=True))
    return PromptMaker(vocabulary.of_words(prompt_text(), counter), counter)


def test_each_turn_begins_with_the_one_before_and_has_its_length(maker):
    load = sized_sessions(
        maker, concurrent(2, 3), turns=3, prompt_tokens=60, turn_tokens=20, new_tokens=10, wait_ns=5_000
    )
    prompts = [request.prompt for request in load.requests]
    ids = server_ids("byte_bpe", chat=True)

    assert load.after == [-1, 0, 1, -1, 3, 4, -1, 6, 7]
    assert load.offsets_ns.tolist() == [0, 5_000, 5_000] * 3
    assert [len(ids(prompt)) for prompt in prompts] == [60, 90, 120] * 3
    assert [request.prompt_tokens for request in load.requests] == [60, 90, 120] * 3
    for turn in (1, 2, 4, 5, 7, 8):
        assert prompts[turn].startswith(prompts[turn - 1])
    assert len({prompt.split()[0] for prompt in prompts}) == 3


def test_sessions_of_an_open_loop_begin_at_their_instants(maker):
    arrivals = poisson(5, 4, seed=1)
    load = sized_sessions(maker, arrivals, turns=2, prompt_tokens=40, turn_tokens=0, new_tokens=1, wait_ns=3)

    assert load.offsets_ns[::2].tolist() == arrivals.offsets_ns.tolist()
    assert load.offsets_ns[1::2].tolist() == [3] * 4


def test_sessions_share_a_fraction_of_their_first_prompt():
    maker = PromptMaker(vocabulary.of_ids(range(500)))
    load = sized_sessions(
        maker,
        concurrent(2, 2),
        turns=2,
        prompt_tokens=40,
        turn_tokens=15,
        new_tokens=5,
        prefix_cache=PrefixCache("shared", 0.5),
    )
    prompts = np.array([request.prompt[:40] for request in load.requests])

    assert [len(request.prompt) for request in load.requests] == [40, 60, 40, 60]
    assert np.array_equal(prompts[0], prompts[1])
    assert np.array_equal(prompts[0][:20], prompts[2][:20])
    assert prompts[0][20] != prompts[2][20]


@pytest.mark.parametrize("numbers", [{"turns": 0}, {"turn_tokens": -1}, {"wait_ns": -5}])
def test_numbers_of_sessions_are_checked(maker, numbers):
    sizes = {"turns": 2, "prompt_tokens": 40, "turn_tokens": 4, "new_tokens": 2, "wait_ns": 0}

    with pytest.raises(InvalidValueError, match="at least"):
        sized_sessions(maker, concurrent(1, 1), **(sizes | numbers))


def test_a_conversation_follows_its_recorded_answers():
    load = conversed([TALK, PLAIN], concurrent(1, 3), new_tokens=50, chat=True, prefix_cache=WARM)

    assert [request.prompt for request in load.requests] == [
        TALK.messages(0),
        TALK.messages(1),
        PLAIN.messages(0),
        TALK.messages(0),
        TALK.messages(1),
    ]
    assert load.after == [-1, 0, -1, -1, 3]
    assert [request.new_tokens for request in load.requests] == [50, 9, 50, 50, 9]
    assert [request.prompt_tokens for request in load.requests] == [None] * 5
    assert not load.account.is_exact


def test_the_first_turns_alone_are_prompts():
    load = conversed([TALK, PLAIN], concurrent(1, 2), new_tokens=5, chat=False, all_turns=False, prefix_cache=WARM)

    assert [request.prompt for request in load.requests] == ["be brief\nwhat is a ruler", "one question"]
    assert load.after is None
    assert load.offsets_ns is None


def test_a_free_counter_counts_prompts_and_recorded_answers():
    ids = server_ids("byte_bpe", chat=True)
    counter = by_tokenizer(ids)
    load = conversed([TALK], concurrent(1, 1), new_tokens=50, chat=True, counter=counter, prefix_cache=WARM)

    assert [request.prompt_tokens for request in load.requests] == [len(ids(TALK.messages(turn))) for turn in (0, 1)]
    assert load.requests[0].new_tokens == len(server_ids("byte_bpe", chat=False)("a tool")) - 1
    assert load.account == Account("source", counts=4, checked=2, exact=2)


def test_requests_are_not_spent_on_counting_texts_of_a_file():
    counter = by_usage(len)
    conversed([TALK], concurrent(1, 1), new_tokens=50, chat=True, counter=counter)

    assert counter.counted == 0


def test_unique_conversations_differ_from_their_first_character_on_also_when_repeated():
    loads = [conversed([TALK, PLAIN], concurrent(1, 20), new_tokens=5, chat=False, all_turns=False) for _ in range(2)]
    first, second = ([request.prompt for request in load.requests] for load in loads)

    assert len({prompt[0] for prompt in first}) == 20
    assert not {prompt[:8] for prompt in first} & {prompt[:8] for prompt in second}
    assert all(prompt.endswith("\nbe brief\nwhat is a ruler") for prompt in first[::2])


def test_turns_of_a_unique_conversation_keep_its_code():
    load = conversed([TALK], concurrent(1, 1), new_tokens=5, chat=True)
    first, second = (request.prompt for request in load.requests)

    assert second[: len(first)] == first


def test_texts_of_a_file_cannot_be_made_to_share_a_fraction():
    with pytest.raises(InvalidValueError, match="share what they share"):
        conversed([PLAIN], concurrent(1, 1), new_tokens=5, chat=True, prefix_cache=PrefixCache("shared", 0.5))
