"""``post`` stands for a server here: a function that answers as vLLM or llama.cpp do, by a real tokenizer."""

from __future__ import annotations

import pytest

from inference_bench.endpoint.counters import by_tokenize, by_usage
from inference_bench.errors import InvalidValueError
from tests.small_tokenizers import server_ids

MESSAGES = [{"role": "user", "content": "to measure"}]


def vllm(path, body):
    assert path == "/tokenize"
    assert body["model"] == "m"
    if "messages" in body:
        assert body["add_generation_prompt"] is True
        tokens = server_ids("byte_bpe", chat=True)(body["messages"])
    else:
        assert body["add_special_tokens"] is True
        tokens = server_ids("byte_bpe", chat=False)(body["prompt"])
    return {"count": len(tokens), "max_model_len": 4_096, "tokens": tokens}


def llama_cpp(path, body):
    if path == "/apply-template":
        return {"prompt": "".join(f"{each['role']}\n{each['content']}\n" for each in body["messages"]) + "assistant\n"}
    if "content" not in body:
        return {"tokens": []}
    assert body["add_special"] is True
    return {"tokens": server_ids("byte_bpe", chat=False)(body["content"])}


@pytest.mark.parametrize(("server", "applies_template"), [(vllm, False), (llama_cpp, True)])
def test_tokenize_counts_texts_messages_and_ids(server, applies_template):
    in_chat = server_ids("byte_bpe", chat=True)("to measure")
    alone = server_ids("byte_bpe", chat=False)("to measure")
    chat, completions = (
        by_tokenize(server, "m", chat=chat, applies_template=applies_template) for chat in (True, False)
    )

    assert chat.count("to measure") == chat.count(MESSAGES) == len(in_chat)
    assert completions.count("to measure") == len(alone) < len(in_chat)
    assert completions.count([5, 6, 7]) == 3
    assert (chat.counted, completions.counted) == (2, 2)
    assert chat.free


@pytest.mark.parametrize("answer", [{"tokens": []}, {"detail": "Not Found"}, {"tokens": 5}])
def test_an_answer_without_tokens_is_refused(answer):
    with pytest.raises(InvalidValueError, match=r"answer of /tokenize: got .*Count by usage instead"):
        by_tokenize(lambda path, body: answer, "m", chat=False).count("a")


def test_usage_is_a_request_for_each_count():
    counter = by_usage(len)

    assert counter.count("abc") == 3
    assert (counter.counted, counter.free, counter.way) == (1, False, "usage")
