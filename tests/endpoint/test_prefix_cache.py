from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.prefix_cache import PrefixCache, Segments
from inference_bench.endpoint.vocabulary import of_ids
from inference_bench.errors import InvalidValueError


def common(one, other) -> int:
    """Units that two prompts have in common from their beginning on."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def segments(size: int, cache: PrefixCache | None = None) -> Segments:
    return Segments(of_ids(range(size)), cache or PrefixCache(nonce=5))


@pytest.mark.parametrize("text", ["unique", "warm", "shared=0.25", "shared=1", "shared=0"])
def test_a_prefix_cache_is_read_and_written_in_the_same_words(text):
    assert str(PrefixCache.parse(text, seed=3)) == text


@pytest.mark.parametrize("text", ["", "cold", "shared", "shared=", "shared=2", "shared=-0.1", "shared=nan", "unique=1"])
def test_another_text_is_refused(text):
    with pytest.raises(InvalidValueError, match="unique, shared=FRACTION"):
        PrefixCache.parse(text, seed=3)


def test_each_run_has_a_nonce_of_its_own_unless_it_is_warm_or_repeats_another():
    unique, again, warm, repeated = (
        PrefixCache.parse("unique", seed=7),
        PrefixCache.parse("unique", seed=7),
        PrefixCache.parse("warm", seed=7),
        PrefixCache.parse("unique", seed=7, nonce=12),
    )

    assert unique.nonce != again.nonce
    assert warm.nonce == 7
    assert repeated.nonce == 12


def test_unique_prompts_differ_from_their_first_token_on():
    made = segments(1_000)

    assert len({made.request(index, 30)[0] for index in range(1_000)}) == 1_000
    assert made.notes(1_000) == ()


@pytest.mark.parametrize("size", [2, 5, 300])
def test_more_prompts_than_first_tokens_differ_soon_after(size):
    made = segments(size)
    prompts = {tuple(made.request(index, 60)) for index in range(2_000)}

    assert len(prompts) == 2_000
    assert f"2,000 prompts begin with {size} different tokens" in made.notes(2_000)[0]


def test_two_runs_with_the_same_seed_have_no_prompt_in_common():
    first, second = (
        [segments(1_000, PrefixCache.parse("unique", seed=7)).request(index, 40) for index in range(200)]
        for _ in range(2)
    )

    assert max(common(one, other) for one in first for other in second) <= 3
    assert sum(one[0] == other[0] for one, other in zip(first, second, strict=True)) < 10


def test_warm_runs_with_the_same_seed_have_all_prompts_in_common():
    one, same, other = (segments(100, PrefixCache.parse("warm", seed=seed)).request(3, 40) for seed in (7, 7, 8))

    assert one == same
    assert common(one, other) <= 2


@given(st.floats(0, 1), st.integers(1, 200))
def test_a_fraction_of_each_prompt_is_shared(fraction, length):
    made = segments(500, PrefixCache("shared", fraction, nonce=1))
    one, other = (made.request(index, length) for index in (0, 1))

    assert len(one) == len(other) == length
    assert common(one, other) == round(fraction * length)


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_shorter_segment_is_the_beginning_of_a_longer_one(one, other):
    made = segments(30)
    shorter, longer = sorted((one, other))

    assert made.segment("block", 3, longer)[:shorter] == made.segment("block", 3, shorter)


@given(st.lists(st.integers(0, 4), max_size=5), st.lists(st.integers(0, 4), max_size=5), st.integers(1, 90))
def test_prompts_share_as_many_units_as_their_blocks_begin_alike(one, other, length):
    made = segments(400)
    first, second = made.blocks(one, 16, 100, length), made.blocks(other, 16, 101, length)
    alike = 16 * common(one, other)

    assert len(first) == len(second) == length
    # Equal lists of ids that do not reach the end go on differently: what the blocks leave is a request's own.
    assert common(first, second) == min(alike, length)


def test_the_same_nonce_gives_the_same_prompts_on_every_machine():
    assert segments(1_000, PrefixCache(nonce=42)).request(0, 8) == [485, 632, 464, 584, 132, 199, 0, 1]
