from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.vocabulary import of_ids
from inference_bench.errors import InvalidValueError

UNIQUE = PrefixCache()


def common(one, other) -> int:
    """Units that two prompts have in common from their beginning on."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@pytest.mark.parametrize(
    ("text", "cache"),
    [
        ("unique", PrefixCache("unique")),
        ("warm", PrefixCache("warm")),
        ("shared=0.25", PrefixCache("shared", 0.25)),
        ("shared=1", PrefixCache("shared", 1)),
    ],
)
def test_a_prefix_cache_is_read_and_written_in_the_same_words(text, cache):
    assert PrefixCache.parse(text) == cache
    assert str(cache) == text


@pytest.mark.parametrize("text", ["", "cold", "shared", "shared=", "shared=2", "shared=-0.1", "shared=nan", "unique=1"])
def test_another_text_is_refused(text):
    with pytest.raises(InvalidValueError, match="unique, shared=FRACTION"):
        PrefixCache.parse(text)


def test_unique_prompts_differ_from_their_first_token_on():
    segments = Segments(of_ids(range(1_000)), nonce=5)
    prompts = [segments.request(UNIQUE, index, 30) for index in range(1_000)]

    assert len({prompt[0] for prompt in prompts}) == 1_000


@pytest.mark.parametrize("size", [2, 5, 300])
def test_more_prompts_than_first_tokens_differ_soon_after(size):
    segments = Segments(of_ids(range(size)), nonce=5)
    prompts = [tuple(segments.request(UNIQUE, index, 60)) for index in range(2_000)]

    assert len(set(prompts)) == 2_000


def test_two_runs_with_the_same_seed_have_no_prompt_in_common():
    vocabulary = of_ids(range(1_000))
    nonces = [UNIQUE.nonce(seed=7) for _ in range(2)]
    first, second = (
        [Segments(vocabulary, nonce).request(UNIQUE, index, 40) for index in range(200)] for nonce in nonces
    )

    assert nonces[0] != nonces[1]
    assert max(common(one, other) for one in first for other in second) <= 3
    assert sum(one[0] == other[0] for one, other in zip(first, second, strict=True)) < 10


def test_warm_runs_with_the_same_seed_have_all_prompts_in_common():
    warm = PrefixCache("warm")

    assert warm.nonce(7) == warm.nonce(7)
    assert warm.nonce(7) != warm.nonce(8)


@given(st.floats(0, 1), st.integers(1, 200))
def test_a_fraction_of_each_prompt_is_shared(fraction, length):
    segments = Segments(of_ids(range(500)), nonce=1)
    cache = PrefixCache("shared", fraction)
    one, other = (segments.request(cache, index, length) for index in (0, 1))

    assert len(one) == len(other) == length
    assert common(one, other) == round(fraction * length)


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_shorter_segment_is_the_beginning_of_a_longer_one(one, other):
    segments = Segments(of_ids(range(30)), nonce=1)
    shorter, longer = sorted((one, other))

    assert segments.segment("block", 3, longer)[:shorter] == segments.segment("block", 3, shorter)


def test_the_same_nonce_gives_the_same_prompts_on_every_machine():
    assert Segments(of_ids(range(1_000)), nonce=42).request(UNIQUE, 0, 8) == [485, 632, 464, 584, 132, 199, 0, 1]
