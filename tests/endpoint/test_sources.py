from __future__ import annotations

import json

import pytest

from inference_bench.endpoint.sources import Conversation, Turn, read_conversations
from inference_bench.errors import InvalidValueError


def written(tmp_path, text: str) -> str:
    path = tmp_path / "source.jsonl"
    path.write_text(text)
    return str(path)


def test_a_line_is_a_prompt_or_messages(tmp_path):
    path = written(
        tmp_path,
        '{"prompt": "one", "id": 3}\n\n{"prompt": "two\\u2028lines", "new_tokens": 7}\n'
        '{"messages": [{"role": "system", "content": "brief"}, {"role": "user", "content": "why"}], "new_tokens": 2}',
    )

    assert read_conversations(path) == [
        Conversation((Turn("one"),)),
        Conversation((Turn("two\u2028lines", new_tokens=7),)),
        Conversation((Turn("why", new_tokens=2),), "brief"),
    ]


def test_a_conversation_of_share_gpt_begins_at_its_first_question(tmp_path):
    said = [("gpt", "hello"), ("human", "a"), ("gpt", "b"), ("gpt", "c"), ("human", "d")]
    entry = {"id": "x", "conversations": [{"from": by, "value": text} for by, text in said]}
    silent = {"id": "y", "conversations": [{"from": "gpt", "value": "nobody asked"}]}

    assert read_conversations(written(tmp_path, json.dumps([entry, silent], indent=1))) == [
        Conversation((Turn("a", "b\nc"), Turn("d")))
    ]


def test_a_later_turn_repeats_the_recorded_answers():
    conversation = Conversation((Turn("a", "b"), Turn("c")), "s")

    assert conversation.messages(1) == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert conversation.messages(0) == conversation.messages(1)[:2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"prompt": "a"}\n{"prompt": 3}', r":2: prompt: got '3', expected a text"),
        ('{"prompt": " "}', r":1: prompt: got '', expected a text"),
        ('{"promt": "a"}', r":1: column: got 'promt', expected one of prompt, .* Did you mean 'prompt'\?"),
        ('{"prompt": "a", "new_tokens": 0}', r":1: new_tokens: got 0, expected a whole number from 1"),
        ('{"messages": "hello"}', r":1: messages: got 'hello', expected a list of messages"),
        ('{"messages": [{"role": "user"}]}', r":1: messages: got .*, expected messages with role and content"),
        ('{"messages": [{"role": "tool", "content": "a"}]}', r":1: messages: role: got 'tool', expected one of human"),
        ('{"messages": []}', r"expected at least one prompt"),
        ('{"prompt": "a"', r":1: line: got .*, expected a JSON object"),
        ("[{]", r":1: got .*, expected a JSON list of conversations"),
        ('[{"conversations": []}, 5]', r":2: entry: got '5', expected an object"),
        ("", r"expected some text"),
    ],
)
def test_a_bad_entry_is_named(tmp_path, text, message):
    path = written(tmp_path, text)

    with pytest.raises(InvalidValueError, match=message) as error:
        read_conversations(path)
    assert path in str(error.value)
    assert "\n" not in str(error.value)
