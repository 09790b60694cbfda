from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.model.prompts import Prompts, prompt_text, random_ids, text_ids


def words(text: str) -> list[int]:
    return [len(word) for word in text.split()]


def test_a_text_shorter_than_asked_for_is_repeated():
    once = words(prompt_text())

    assert text_ids(words, 3) == once[:3]
    assert len(text_ids(words, 3 * len(once))) == 3 * len(once)


def test_an_end_token_of_the_tokenizer_is_cut_off():
    count = len(words(prompt_text()))

    assert -1 not in text_ids(lambda text: [*words(text), -1], count)


def test_random_ids_depend_on_the_seed_alone():
    assert random_ids(100, 7, 50) == random_ids(100, 7, 50)
    assert random_ids(100, 7, 50) != random_ids(100, 8, 50)
    assert all(0 <= token < 100 for token in random_ids(100, 7, 50))


@pytest.mark.parametrize("length", [2, 9])
def test_a_length_that_the_model_does_not_take_is_refused(length):
    prompts = Prompts(3, 8, lambda length: [0] * length)

    prompts.check(3)
    prompts.check(8)
    with pytest.raises(InvalidValueError, match="3 to 8 tokens"):
        prompts.check(length)
