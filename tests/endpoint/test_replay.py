from __future__ import annotations

import pytest

from inference_bench.endpoint import vocabulary
from inference_bench.endpoint.counters import by_tokenizer
from inference_bench.endpoint.prefix_cache import PrefixCache
from inference_bench.endpoint.prompt_tokens import PromptMaker
from inference_bench.endpoint.replay import replayed
from inference_bench.endpoint.traces import Trace, TraceRequest
from inference_bench.errors import InvalidValueError
from inference_bench.model.prompts import prompt_text
from tests.small_tokenizers import server_ids

NS = 1_000_000_000
BLOCKS = Trace(
    "Bailian",
    (
        TraceRequest(2 * NS, 40, 3, (1, 2, 3)),
        TraceRequest(3 * NS, 48, 4, (1, 2, 9)),
        TraceRequest(3 * NS, 20, 5, (4, 5)),
        TraceRequest(6 * NS, 60, 6, (1, 2, 3)),
    ),
    block_tokens=16,
)
SIZES = Trace("Azure", (TraceRequest(0, 5, 1), TraceRequest(1, 700, 2), TraceRequest(2, 30, 3)), failed=2)


@pytest.fixture
def ids_maker():
    return PromptMaker(vocabulary.of_ids(range(1_000)))


def alike(one, other) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def test_prompts_share_the_blocks_that_the_trace_shares(ids_maker):
    load = replayed(ids_maker, BLOCKS)
    prompts = [request.prompt for request in load.requests]

    assert [len(prompt) for prompt in prompts] == [40, 48, 20, 60]
    assert alike(prompts[0], prompts[1]) == 32
    assert alike(prompts[0], prompts[3]) == 40
    assert alike(prompts[0], prompts[2]) == 0
    assert [request.new_tokens for request in load.requests] == [3, 4, 5, 6]


def test_instants_are_those_of_the_trace_from_its_first_request_on(ids_maker):
    assert replayed(ids_maker, BLOCKS).offsets_ns.tolist() == [0, NS, NS, 4 * NS]
    assert replayed(ids_maker, BLOCKS, speed_up=2).offsets_ns.tolist() == [0, NS // 2, NS // 2, 2 * NS]


def test_two_replays_have_no_block_in_common_unless_they_are_warm(ids_maker):
    one, other = (replayed(ids_maker, BLOCKS).requests[0].prompt for _ in range(2))
    warm, again = (replayed(ids_maker, BLOCKS, prefix_cache=PrefixCache.parse("warm", seed=3)) for _ in range(2))

    assert alike(one, other) < 3
    assert warm.requests == again.requests


@pytest.mark.parametrize("kind", ["byte_bpe", "small_byte_bpe", "unigram"])
@pytest.mark.parametrize("chat", [False, True])
def test_texts_have_the_lengths_and_share_the_tokens_of_the_blocks(kind, chat):
    ids = server_ids(kind, chat=chat)
    counter = by_tokenizer(ids)
    maker = PromptMaker(vocabulary.of_words(prompt_text(), counter), counter)
    load = replayed(maker, BLOCKS)
    prompts = [ids(request.prompt) for request in load.requests]

    assert [len(prompt) for prompt in prompts] == [request.prompt_tokens for request in load.requests]
    assert load.account.is_exact
    # The second and the last have room for two whole blocks beside the template.
    assert alike(prompts[1], prompts[3]) >= 32
    assert alike(prompts[1], prompts[2]) < 16


def test_what_is_left_out_or_lengthened_is_noted():
    counter = by_tokenizer(server_ids("byte_bpe", chat=True))
    maker = PromptMaker(vocabulary.of_words(prompt_text(), counter), counter)
    load = replayed(maker, SIZES, most_tokens=200)

    assert [request.prompt_tokens for request in load.requests] == [maker.added(0) + 1, 30]
    assert load.notes == (
        "2 requests left out, which the trace records as failed",
        "1 request left out, with more tokens than the server takes",
        "1 request lengthened to the shortest prompt that is possible",
    )


def test_a_trace_of_which_nothing_fits_is_refused(ids_maker):
    with pytest.raises(InvalidValueError, match="most tokens: got 5, expected at least 6"):
        replayed(ids_maker, SIZES, most_tokens=5)


def test_prompts_of_a_trace_without_blocks_may_share_a_fraction(ids_maker):
    load = replayed(ids_maker, SIZES, prefix_cache=PrefixCache("shared", 0.5))

    assert alike(load.requests[1].prompt, load.requests[2].prompt) == 15


def test_a_trace_with_blocks_says_itself_what_is_shared(ids_maker):
    with pytest.raises(InvalidValueError, match="The trace says what its prompts share"):
        replayed(ids_maker, BLOCKS, prefix_cache=PrefixCache("shared", 0.5))
