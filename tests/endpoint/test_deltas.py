"""What an event carries, and that no JSON of any shape raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.deltas import Delta, Usage, delta


def read(said: object, name: bytes = b"") -> Delta:
    return delta(json.dumps(said).encode(), name)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, Usage(3, 2)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}, Usage(3, None, 1)),
        ({"prompt_tokens": 3, "prompt_tokens_details": None}, Usage(3)),
        ({"prompt_tokens": 3, "prompt_cache_hit_tokens": 2}, Usage(3, None, 2)),
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}, Usage(None, 9, None, 7)),
        ({"completion_tokens": 9, "reasoning_tokens": 0}, Usage(None, 9, None, 0)),
    ],
)
def test_counts_in_the_shapes_of_servers(usage, expected):
    assert read({"choices": [], "usage": usage}).usage == expected


def test_the_times_of_llama_cpp_count_where_usage_does_not():
    timings = {"cache_n": 1, "prompt_n": 2, "predicted_n": 3, "predicted_ms": 1.5}

    found = read({"choices": [{"text": "a"}], "timings": timings})

    assert found.usage == Usage(3, 3, 1) and found.timings == timings
    assert read({"choices": [], "usage": {"prompt_tokens": 8}, "timings": timings}).usage == Usage(8, 3, 1)


@pytest.mark.parametrize(
    "said",
    [
        [],
        3,
        None,
        {},
        {"choices": {}},
        {"choices": [3]},
        {"choices": [{"delta": {"content": 3}}]},
        {"choices": [{"delta": "a"}]},
        {"choices": [{"text": "a", "token_ids": 7}]},
        {"choices": [{"text": "a", "finish_reason": 3}]},
        {"choices": [], "usage": {"prompt_tokens": "3"}},
        {"choices": [], "usage": {"prompt_tokens": -3}},
        {"choices": [], "usage": 3},
        {"choices": [], "timings": "x"},
        {"choices": [{"delta": {"content": [{"text": 4}]}}]},
    ],
)
def test_json_of_another_shape_is_malformed(said):
    assert read(said) == Delta(is_malformed=True)


def test_content_in_parts_is_one_text():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "image"}]

    assert read({"choices": [{"delta": {"content": parts}}]}).content == "ab"


def test_the_end_of_a_stream():
    assert delta(b"[DONE]").is_done and delta(b" [DONE]\n").is_done


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": {"message": "no", "code": 500}}, "no"),
        ({"error": "no"}, "no"),
        ({"error": {"code": 5}}, '{"code":5}'),
        ({"object": "error", "message": "no"}, "no"),
        ({"error": {"message": ""}}, "no message"),
    ],
)
def test_errors_in_the_shapes_of_servers(said, message):
    assert read(said).error == message


def test_an_event_named_error_is_an_error_whatever_it_says():
    assert read({"choices": []}, b"error").error == '{"choices":[]}'
    assert delta(b"", b"error").error == "no message"


NAMES = ["choices", "delta", "message", "content", "text", "usage", "timings", "error"]
NAMES += ["token_ids", "logprobs", "finish_reason", "prompt_n", "cache_n", "prompt_token_ids"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON, st.sampled_from([b"", b"error", b"ping"]))
def test_no_json_raises(said, name):
    found = read(said, name)

    assert isinstance(found.content, str) and isinstance(found.error, str)
    assert found.tokens is None or found.tokens >= 0


@given(st.binary(max_size=30))
def test_no_bytes_raise(data):
    assert isinstance(delta(data), Delta)
