"""Bodies of requests in both dialects."""

from __future__ import annotations

import json

import pytest

from inference_bench.endpoint.bodies import MAX_TOKENS, OPTIONAL, Dialect
from inference_bench.errors import InvalidValueError


def body(dialect: Dialect, *arguments, **options) -> dict:
    return json.loads(dialect.body(*arguments, **options))


def test_a_body_of_chat():
    assert body(Dialect.CHAT, "m", "Hi", 5) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 5,
        "temperature": 0,
        "stream": True,
        "ignore_eos": True,
        "min_tokens": 5,
        "stream_options": {"include_usage": True},
    }


def test_a_body_of_completions_from_token_ids_as_few_fields_as_can_be():
    fields = body(Dialect.COMPLETIONS, "m", [1, 2], 5, exact=False, stream=False, without=OPTIONAL)

    assert fields == {"model": "m", "prompt": [1, 2], "max_tokens": 5, "stream": False}


def test_each_optional_field_can_be_left_out():
    everything = body(Dialect.CHAT, "m", "Hi", 5, token_ids=True)

    assert set(OPTIONAL) < set(everything)
    for name in OPTIONAL:
        assert set(body(Dialect.CHAT, "m", "Hi", 5, token_ids=True, without={name})) == set(everything) - {name}


def test_extra_fields_replace_ours():
    assert body(Dialect.CHAT, "m", "Hi", 5, extra={"temperature": 1, "seed": 3})["temperature"] == 1


def test_the_newer_name_of_the_limit():
    fields = body(Dialect.CHAT, "m", "Hi", 5, exact=False, without={MAX_TOKENS})

    assert fields["max_completion_tokens"] == 5 and MAX_TOKENS not in fields


def test_messages_and_routes():
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]

    assert body(Dialect.CHAT, "m", messages, 5)["messages"] == messages
    assert (Dialect.CHAT.route, Dialect.COMPLETIONS.route) == ("/chat/completions", "/completions")


@pytest.mark.parametrize(
    ("dialect", "prompt", "said"),
    [
        (Dialect.CHAT, [1, 2], "'a list with int', expected a text or messages. Or use completions."),
        (Dialect.COMPLETIONS, [{"role": "user"}], "'a list with dict', expected a text or token ids. Or use chat."),
        (Dialect.COMPLETIONS, [1, True], "a list with bool"),
        (Dialect.CHAT, [], "at least one token id or message"),
    ],
)
def test_prompts_that_a_dialect_has_not(dialect, prompt, said):
    with pytest.raises(InvalidValueError) as raised:
        dialect.body("m", prompt, 5)

    assert said in str(raised.value)


def test_no_tokens_are_no_request():
    with pytest.raises(InvalidValueError, match="tokens to generate: got 0"):
        Dialect.CHAT.body("m", "Hi", 0)
