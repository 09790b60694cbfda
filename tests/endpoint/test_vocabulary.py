from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint import vocabulary
from inference_bench.endpoint.counters import by_tokenizer, by_usage
from inference_bench.errors import InvalidValueError
from inference_bench.model.prompts import prompt_text
from tests.small_tokenizers import KINDS, server_ids


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("bytes", "unigram_over_spaces")])
def test_every_word_that_is_found_is_one_token_after_a_space(kind):
    ids = server_ids(kind, chat=False)
    words = vocabulary.of_words(prompt_text(), by_tokenizer(ids))
    alone = len(ids("a"))

    assert words.joiner == " "
    assert len(words.units) >= 20
    assert {len(ids(f"a {word}")) - alone for word in words.units} == {1}
    assert len({len(ids(word)) for word in words.units[: words.starts]}) == 1


def test_letters_are_units_where_no_word_is_one_token():
    letters = vocabulary.of_words(prompt_text(), by_tokenizer(server_ids("bytes", chat=False)))

    assert letters.joiner == ""
    assert {len(unit) for unit in letters.units} == {1}


def test_prose_keeps_the_order_of_the_text():
    words = vocabulary.of_words("one two three two one", by_tokenizer(lambda text: [0] * len(text.split())))

    assert words.spelled(words.prose) == "one two three two one"


def test_a_server_whose_counts_say_nothing_is_refused():
    with pytest.raises(InvalidValueError, match="Send token ids"):
        vocabulary.of_words(prompt_text(), by_tokenizer(lambda text: [0] * 7))


def test_ids_stand_once_each():
    ids = vocabulary.of_ids([5, 6, 5], range(5, 9))

    assert ids.units == (5, 6, 7, 8)
    assert ids.spelled(ids.prose) == [5, 6, 5]


def test_one_id_makes_no_prompts():
    with pytest.raises(InvalidValueError, match="at least 2"):
        vocabulary.of_ids([4, 4])


@given(st.sets(st.integers(0, 199), max_size=30))
def test_group_tests_find_the_words_of_one_token(long):
    """Words of two tokens among 200, in any number and at any place; each test is a count."""
    text = " ".join(
        f"w{'x' * (number in long)}{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(200)
    )
    counter = by_usage(lambda prompt: sum(1 + ("x" in word[1:2]) for word in prompt.split()))
    words = vocabulary.of_words(text, counter)

    assert not any(str(unit).startswith("wx") for unit in words.units)
    assert counter.counted <= 40


def test_one_count_is_enough_where_all_words_are_one_token():
    counter = by_usage(lambda prompt: len(prompt.split()))
    words = vocabulary.of_words(prompt_text(), counter)

    assert len(words.units) == words.starts == 160
    assert counter.counted == 1 + 1 + 2 + 1


@pytest.mark.parametrize("text", ["", "1 2 3", "测量"])
def test_a_text_without_words_is_refused(text):
    with pytest.raises(InvalidValueError, match=r"text of prompts: got .*, expected words of Latin letters"):
        vocabulary.of_words(text, by_usage(len))
