"""Answers: recorded streams in the shapes of servers, written by hand; times, pieces, counts, failures."""

from __future__ import annotations

import json

import pytest

from inference_bench.endpoint.answer import Answer, PieceKind, answers
from inference_bench.endpoint.failure import FailureKind
from inference_bench.endpoint.key import Key
from inference_bench.endpoint.token_counts import TokensBy
from tests.endpoint.recorded import MS, RecordedLoad, Response, event

DONE = event("[DONE]")


def chat(delta: dict, finish: str | None = None, choice: dict | None = None, **more: object) -> bytes:
    """Return an event of the chat dialect."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **(choice or {})}
    return event(json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice], **more}))


def completion(text: str, finish: str | None = None, **choice: object) -> bytes:
    """Return an event of the completions dialect."""
    return event(json.dumps({"id": "1", "choices": [{"index": 0, "text": text, "finish_reason": finish, **choice}]}))


def usage(prompt: int, completion: int, **more: object) -> bytes:
    """Return the last event before ``[DONE]``: counts, no choices."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event(json.dumps({"id": "1", "choices": [], "usage": {**counts, **more}}))


def read(response: Response, **options: object) -> Answer:
    (answer,) = answers(RecordedLoad(response), **options)
    return answer


def at(*events: bytes, begin: int = 10, gap: int = 10) -> list[tuple[bytes, int]]:
    """Return events with the time of each in ms."""
    return [(data, begin + gap * index) for index, data in enumerate(events)]


def times_ms(answer: Answer, kind: PieceKind = PieceKind.CONTENT) -> list[float]:
    return [piece.time_ns / MS for piece in answer.pieces if piece.kind is kind]


VLLM = at(
    chat({"role": "assistant", "content": ""}, prompt_token_ids=[1, 2, 3], choice={"token_ids": None}),
    chat({"content": "One"}, choice={"token_ids": [11]}),
    chat({"content": " two three"}, choice={"token_ids": [12, 13]}),
    chat({"content": ""}, choice={"token_ids": [14]}),
    chat({"content": " fœr"}, "length", choice={"token_ids": [15]}),
    usage(3, 5, prompt_tokens_details={"cached_tokens": 2}),
    DONE,
)
TIMINGS = {"cache_n": 1, "prompt_n": 30, "prompt_ms": 41.5, "predicted_n": 3, "predicted_ms": 20.25}
LLAMA_CPP = at(
    chat({"role": "assistant", "content": None}),
    chat({"content": "A"}),
    chat({"content": "b"}),
    chat({"content": "c"}),
    chat({}, "length"),
    event(json.dumps({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 3}, "timings": TIMINGS})),
    DONE,
)
SGLANG = at(
    chat({"role": "assistant", "content": "", "reasoning_content": None}, usage={"completion_tokens": 1}),
    chat({"content": None, "reasoning_content": "Hm"}, usage={"prompt_tokens": 7, "completion_tokens": 2}),
    chat({"content": "Yes it"}, usage={"prompt_tokens": 7, "completion_tokens": 5}),
    chat({"content": " is"}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 6}),
    DONE,
)
EXAMPLE = at(chat({"content": "Hello "}), chat({"content": "world"}), chat({}, "stop"), DONE)


def test_a_stream_of_vllm():
    answer = read(Response(VLLM))

    assert answer.failure is None and answer.done and answer.streamed
    assert times_ms(answer) == [20, 30, 50]
    assert answer.first_content_ns == 20 * MS, "the role chunk is no content"
    assert answer.tokens_by is TokensBy.TOKEN_IDS
    assert [piece.tokens for piece in answer.pieces] == [1, 2, 2], "a token without text counts where its text shows"
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (3, 5, 2)
    assert (answer.finish_reason, answer.text) == ("length", "One two three fœr")


def test_a_stream_of_llama_cpp():
    answer = read(Response(LLAMA_CPP))

    assert answer.failure is None
    assert times_ms(answer) == [20, 30, 40]
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (31, 3, 1)
    assert answer.timings == TIMINGS
    assert answer.tokens_by is TokensBy.ONE_EACH and [piece.tokens for piece in answer.pieces] == [1, 1, 1]


def test_a_stream_of_sglang_with_reasoning_and_a_count_in_each_event():
    answer = read(Response(SGLANG))

    assert answer.first_reasoning_ns == 20 * MS and answer.first_content_ns == 30 * MS
    assert answer.tokens_by is TokensBy.USAGE
    assert [(piece.kind, piece.tokens) for piece in answer.pieces] == [
        (PieceKind.REASONING, 2),
        (PieceKind.CONTENT, 3),
        (PieceKind.CONTENT, 1),
    ]


def test_our_example_counts_nothing_so_its_tokens_are_unknown():
    answer = read(Response(EXAMPLE))

    assert answer.failure is None and answer.text == "Hello world"
    assert answer.tokens_by is TokensBy.UNKNOWN and [piece.tokens for piece in answer.pieces] == [None, None]
    assert answer.completion_tokens is None


def test_a_stream_of_completions():
    answer = read(Response(at(completion("a"), completion("bc", "length"), usage(4, 2), DONE)))

    assert (answer.text, answer.finish_reason, answer.prompt_tokens) == ("abc", "length", 4)
    assert times_ms(answer) == [10, 20]


def test_reasoning_as_openrouter_and_newer_vllm_name_it():
    answer = read(Response(at(chat({"reasoning": "Hm"}), chat({"content": "x"}), DONE)))

    assert answer.first_reasoning_ns == 10 * MS and answer.first_content_ns == 20 * MS


def test_an_event_with_reasoning_and_content_leaves_the_share_of_each_unknown():
    both = chat({"reasoning": "so.", "content": "Yes"}, "length", choice={"token_ids": [1, 2, 3]})

    answer = read(Response(at(both, DONE)))

    assert [(piece.kind, piece.tokens) for piece in answer.pieces] == [
        (PieceKind.REASONING, None),
        (PieceKind.CONTENT, None),
    ]


def test_parts_of_a_tool_call_are_no_content():
    calls = [{"index": 0, "function": {"name": "look", "arguments": "{"}}]

    answer = read(Response(at(chat({"role": "assistant", "tool_calls": calls}), chat({}, "tool_calls"), DONE)))

    assert answer.first_content_ns is None and answer.first_tool_call_ns == 10 * MS
    assert answer.finish_reason == "tool_calls" and answer.failure is None


def test_log_probabilities_count_tokens():
    first = chat({"content": "ab"}, choice={"logprobs": {"content": [{"token": "a"}, {"token": "b"}]}})
    second = chat({"content": "c"}, "length", choice={"logprobs": {"content": [{"token": "c"}]}})

    answer = read(Response(at(first, second, DONE)))

    assert answer.tokens_by is TokensBy.LOGPROBS and [piece.tokens for piece in answer.pieces] == [2, 1]


def test_an_event_over_two_reads_has_the_time_of_the_second_and_two_in_one_read_share_it():
    first, second, third = chat({"content": "a"}), chat({"content": "b"}), chat({"content": "c"})
    reads = [(first[:9], 10), (first[9:-1], 20), (first[-1:] + second + third, 30), (DONE, 40)]

    answer = read(Response(reads, stalled=(2,)))

    assert times_ms(answer) == [30, 30, 30]
    assert [piece.read_ns for piece in answer.pieces] == [31 * MS] * 3
    assert all(piece.stalled for piece in answer.pieces)


def test_without_kernel_times_the_reads_count():
    answer = read(Response(LLAMA_CPP, kernel=False))

    assert times_ms(answer) == [21, 31, 41] and answer.first_byte_ns == 11 * MS


def test_an_answer_in_one_json_text():
    message = {"choices": [{"message": {"role": "assistant", "content": "abc"}, "finish_reason": "length"}]}
    body = json.dumps({**message, "usage": {"prompt_tokens": 5, "completion_tokens": 3}}).encode()

    answer = read(Response([(body[:20], 10), (body[20:], 30)], content_type="application/json"))

    assert answer.failure is None and answer.done and not answer.streamed
    assert [(piece.time_ns, piece.tokens) for piece in answer.pieces] == [(30 * MS, 3)]
    assert (answer.text, answer.prompt_tokens, answer.tokens_by) == ("abc", 5, TokensBy.USAGE)


def test_answers_of_many_requests_stay_apart():
    load = RecordedLoad(Response(LLAMA_CPP), Response(), Response(EXAMPLE, planned_ms=3), Response(VLLM))

    found = answers(load)

    assert [answer.text for answer in found] == ["Abc", "", "Hello world", "One two three fœr"]
    assert [answer.request for answer in found] == [0, 1, 2, 3]
    assert found[2].planned_ns == 3 * MS and found[2].sent_ns == 3 * MS + 1_000


@pytest.mark.parametrize("stream", [VLLM, LLAMA_CPP, SGLANG], ids=["vllm", "llama.cpp", "sglang"])
def test_a_body_cut_at_any_place_gives_the_same_answer(stream):
    body = b"".join(data for data, _ in stream)
    whole = read(Response([(body, 10)]))

    for place in range(1, len(body)):
        cut = read(Response([(body[:place], 10), (body[place:], 20)]))
        assert (cut.text, cut.tokens_by, cut.failure) == (whole.text, whole.tokens_by, None)
        assert [piece[2:4] for piece in cut.pieces] == [piece[2:4] for piece in whole.pieces]
        early = body[:place].rpartition(b"\n\n")[0]  # the events that the first read completed
        assert [piece.time_ns for piece in cut.pieces].count(10 * MS) == len(read(Response([(early, 10)])).pieces)


def failure(response: Response, **options: object) -> tuple[str, str]:
    found = read(response, **options).failure
    assert found is not None, "counted as a success"
    return found.kind.value, found.detail


def json_response(status: int, said: object, **more: object) -> Response:
    return Response([(json.dumps(said).encode(), 5)], status, "application/json", **more)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            json_response(404, {"error": {"message": "The model `x` does not exist.", "code": 404}}),
            ("http_status", "404 Not Found: The model `x` does not exist."),
        ),
        (
            json_response(400, {"object": "error", "message": "bad", "code": 400}),
            ("http_status", "400 Bad Request: bad"),
        ),
        (
            json_response(422, {"detail": [{"loc": ["body"]}]}),
            ("http_status", '422 Unprocessable Entity: {"detail": [{"loc": ["body"]}]}'),
        ),
        (
            Response([(b"slow down", 5)], 429, "text/plain", headers="Retry-After: 3\r\n"),
            ("http_status", "429 Too Many Requests: slow down"),
        ),
        (
            Response(status=307, headers="location: http://h/v1/Completions\r\n"),
            ("http_status", "307 Temporary Redirect: redirects to http://h/v1/Completions"),
        ),
        (Response(status=599), ("http_status", "599 unknown status")),
        (
            Response([(b"<html>\n<h1>It works!\x1b[31m</h1>", 5)], content_type="text/html"),
            ("wrong_content_type", "text/html: <html> <h1>It works!</h1>"),
        ),
        (Response(content_type=""), ("wrong_content_type", "none: ")),
        (Response(EXAMPLE, headers="Content-Encoding: gzip\r\n"), ("wrong_encoding", "gzip")),
        (
            Response(at(chat({"content": "a"}), event('{"error": {"message": "out of memory", "code": 500}}'))),
            ("error_event", "out of memory"),
        ),
        (Response(at(chat({"content": "a"}), event('{"error": "boom"}'), DONE)), ("error_event", "boom")),
        (Response(at(chat({"content": "a"}), b"event: error\ndata: gone\n\n")), ("error_event", "gone")),
        (Response(at(chat({"content": "a"}), b'error: {"message": "slot"}\n\n')), ("error_event", "slot")),
        (json_response(200, {"error": {"message": "busy"}}), ("error_event", "busy")),
        (Response(at(chat({"content": "a"}), event('{"choices": ['), DONE)), ("malformed_sse", '{"choices": [')),
        (Response(at(chat({"content": "a"}), event("[1]"), DONE)), ("malformed_sse", "[1]")),
        (Response(at(chat({"content": 5}), DONE)), ("malformed_sse", None)),
        (Response(at(chat({"content": "a"}), chat({"content": "b"})[:-20])), ("malformed_sse", None)),
        (Response([(b'{"cho', 5)], content_type="application/json"), ("malformed_sse", '{"cho')),
        (Response(at(chat({"content": "a"}), chat({}, "stop"))), ("unfinished", "2 events without [DONE]")),
        (Response(), ("unfinished", "0 events without [DONE]")),
        (Response(status=0, outcome="refused"), ("refused", "")),
        (Response(at(chat({"content": "a"})), outcome="reset"), ("reset", "")),
        (Response(at(chat({"content": "a"})), outcome="interrupted"), ("interrupted", "")),
        (Response(EXAMPLE, outcome="timeout"), ("timeout", "")),
    ],
)
def test_failures_are_typed(response, expected):
    kind, detail = failure(response)

    assert kind == expected[0]
    assert expected[1] is None or detail == expected[1]


def test_what_came_before_a_failure_is_kept():
    answer = read(Response(at(chat({"content": "a"}), chat({"content": "b"})), outcome="reset"))

    assert answer.text == "ab" and len(answer.pieces) == 2 and not answer.done


def test_a_server_that_repeats_the_key_does_not_get_it_shown():
    secret = "my-own-secret-1"
    said = json_response(401, {"error": {"message": f"Incorrect API key provided: {secret}."}})

    assert failure(said, key=Key(secret)) == ("http_status", "401 Unauthorized: Incorrect API key provided: (set).")


def test_a_key_is_hidden_before_a_body_is_cut():
    body = ("x" * 195 + "my-own-secret-1" + "y" * 500).encode()

    _, detail = failure(Response([(body, 5)], 500, "text/plain"), key=Key("my-own-secret-1"))

    assert "my-ow" not in detail and detail.endswith("… (710 bytes)")


def test_every_kind_has_a_value_of_its_own():
    assert len({kind.value for kind in FailureKind}) == len(FailureKind)
