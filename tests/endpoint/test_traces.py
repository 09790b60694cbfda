from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.traces import TraceRequest, read_trace
from inference_bench.errors import InvalidValueError

MOONCAKE = {"timestamp": 100, "input_length": 600, "output_length": 5, "hash_ids": [7, 8]}
BAILIAN = {
    "chat_id": 159,
    "parent_chat_id": -1,
    "timestamp": 61.114,
    "input_length": 20,
    "output_length": 3,
    "type": "text",
    "turn": 1,
    "hash_ids": [1, 2],
}
BURST_GPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def written(tmp_path, text: str, name: str) -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def lines(*objects) -> str:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in objects)


def test_a_mooncake_trace_has_milliseconds_and_blocks_of_512_tokens(tmp_path):
    later = MOONCAKE | {"timestamp": 3_027.5, "hash_ids": []}
    trace = read_trace(written(tmp_path, lines(MOONCAKE, later), "trace.jsonl"))

    assert (trace.kind, trace.block_tokens, trace.failed) == ("Mooncake", 512, 0)
    assert trace.requests == (TraceRequest(100_000_000, 600, 5, (7, 8)), TraceRequest(3_027_500_000, 600, 5))


def test_a_bailian_trace_has_seconds_and_blocks_of_16_tokens(tmp_path):
    trace = read_trace(written(tmp_path, lines(BAILIAN), "trace.jsonl"))

    assert (trace.kind, trace.block_tokens) == ("Bailian", 16)
    assert trace.requests == (TraceRequest(61_114_000_000, 20, 3, (1, 2)),)


def test_a_burst_gpt_trace_leaves_out_what_failed(tmp_path):
    rows = "5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,100,0,100,API log\n118,ChatGPT,1087,230,1317,API log\n"
    trace = read_trace(written(tmp_path, BURST_GPT + rows, "BurstGPT_1.csv"))

    assert (trace.kind, trace.block_tokens, trace.failed) == ("BurstGPT", 0, 1)
    assert trace.requests == (TraceRequest(5 * 10**9, 472, 18), TraceRequest(118 * 10**9, 1087, 230))


@pytest.mark.parametrize(
    ("first", "second", "gap_ns"),
    [
        ("2023-11-16 18:15:46.6805900", "2023-11-16 18:15:50.9951690", 4_314_579_000),
        ("2024-05-10 00:00:00.009930+00:00", "2024-05-10 00:00:00.017335+00:00", 7_405_000),
        ("2024-05-10T00:00:59Z", "2024-05-10T01:01:00+01:00", NS := 1_000_000_000),
        ("2024-05-10 00:00:00", "2024-05-10 00:00:00.000000001", 1),
    ],
)
def test_an_azure_trace_has_dates_to_the_nanosecond(tmp_path, first, second, gap_ns):
    trace = read_trace(written(tmp_path, f"{AZURE}{first},374,44\n{second},396,109\n\n", "azure.csv"))

    assert trace.kind == "Azure"
    assert trace.requests[1].time_ns - trace.requests[0].time_ns == gap_ns
    assert (trace.requests[0].prompt_tokens, trace.requests[0].new_tokens) == (374, 44)


@given(st.integers(0, 10**15))
def test_times_are_exact_to_the_nanosecond(tmp_path_factory, time_ns):
    text = f"{Decimal(time_ns).scaleb(-9):f}"
    path = written(tmp_path_factory.mktemp("trace"), f"{BURST_GPT}{text},m,1,1,2,x\n", "t.csv")

    assert read_trace(path).requests[0].time_ns == time_ns


def test_a_limit_reads_no_further(tmp_path):
    path = written(tmp_path, lines(MOONCAKE, MOONCAKE, "nonsense"), "trace.jsonl")

    assert len(read_trace(path, limit=2).requests) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines(MOONCAKE, "", "{'a': 1}"), r":3: line: got \"{'a': 1}\", expected a JSON object\. Character 2"),
        (lines(MOONCAKE, "[1, 2]"), r":2: line: got '\[1, 2\]', expected a JSON object"),
        (lines(MOONCAKE | {"timestamp": -1}), r":1: timestamp: got -1, expected a time that is not negative"),
        (lines(MOONCAKE | {"timestamp": "soon"}), r":1: timestamp: got 'soon', expected a time"),
        (lines(MOONCAKE | {"timestamp": True}), r":1: timestamp: got True, expected a time"),
        (lines(MOONCAKE | {"timestamp": None}), r":1: timestamp: got None, expected a time"),
        (lines(MOONCAKE | {"timestamp": 1e300}), r":1: timestamp: got 1e\+300, expected a time"),
        (lines(MOONCAKE, MOONCAKE | {"timestamp": 99}), r":2: timestamp: got 99, .*before it\. Sort the file by time"),
        (lines(MOONCAKE | {"input_length": 0}), r":1: input_length: got 0, expected a whole number from 1"),
        (lines(MOONCAKE | {"output_length": 2.5}), r":1: output_length: got 2.5, expected a whole number"),
        (lines(MOONCAKE | {"output_length": True}), r":1: output_length: got True, expected a whole number"),
        (lines(MOONCAKE | {"hash_ids": "7"}), r":1: hash_ids: got '7', expected a list of whole numbers"),
        (lines(MOONCAKE | {"hash_ids": [1, None]}), r":1: hash_ids: got '\[1, None\]'"),
        (lines(MOONCAKE | {"hash": 1}), r":1: column: got 'hash', expected one of timestamp, .* 'hash_ids'\?"),
        (lines(MOONCAKE, {"timestamp": 100}), r":2: columns: got 'timestamp', expected also input_length"),
        (lines({"a": 1}), r":1: column: got 'a', expected one of timestamp, input_length, output_length, hash_ids"),
        (lines(MOONCAKE)[:-20], r":1: line: got .*, expected a JSON object"),
        ("\n \n", r"expected some text"),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path, text, message):
    path = written(tmp_path, text, "trace.jsonl")

    with pytest.raises(InvalidValueError, match=message) as error:
        read_trace(path)
    assert path in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BURST_GPT + "5,m,1,1,2,x\n4,m,1,1,2,x\n", r":3: Timestamp: got '4', expected at least that of the request"),
        (BURST_GPT + "-5,m,1,1,2,x\n", r":2: Timestamp: got '-5', expected a time that is not negative"),
        (BURST_GPT + "nan,m,1,1,2,x\n", r":2: Timestamp: got 'nan', expected a time"),
        (BURST_GPT + "1e999999,m,1,1,2,x\n", r":2: Timestamp: got '1e999999', expected a time"),
        (BURST_GPT + "5,m,1,1\n", r":2: line: got '5,m,1,1', expected 6 values, as in the header"),
        (BURST_GPT + "5,m,-1,1,2,x\n", r":2: Request tokens: got '-1', expected a whole number from 1"),
        (BURST_GPT + f"5,m,{'9' * 5_000},1,2,x\n", r":2: Request tokens: got '999.*…', expected a whole number from 1"),
        (BURST_GPT + '5,m,"1,1,2,x\n', r": line: got '.*', expected comma-separated values"),
        (BURST_GPT + "5,m,1,0,2,x\n", r"expected at least one request with an answer"),
        (BURST_GPT, r"expected at least one request"),
        (AZURE + "yesterday,1,1\n", r":2: TIMESTAMP: got 'yesterday', expected a time"),
        (AZURE + "2023-13-16 18:15:46,1,1\n", r":2: TIMESTAMP: got '2023-13-16 18:15:46', expected a time"),
        ("Time,In,Out\n1,2,3\n", r":2: column: got 'Time', expected one of Timestamp"),
        ("TIMESTAMP,ContextTokens,Generated\n1,2,3\n", r":2: column: got 'Generated', .*'GeneratedTokens'\?"),
        ("TIMESTAMP,ContextTokens\n1,2\n", r":2: columns: got .*, expected also GeneratedTokens"),
    ],
)
def test_a_bad_row_of_csv_is_named(tmp_path, text, message):
    path = written(tmp_path, text, "trace.csv")

    with pytest.raises(InvalidValueError, match=message) as error:
        read_trace(path)
    assert path in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(path)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    binary = tmp_path / "trace.jsonl"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidValueError, match=r"a file that can be read\. No such file"):
        read_trace(tmp_path / "absent.csv")
    with pytest.raises(InvalidValueError, match=r"a file that can be read\. Is a directory"):
        read_trace(tmp_path)
    with pytest.raises(InvalidValueError, match="text in UTF-8"):
        read_trace(binary)


def test_a_byte_order_mark_and_line_ends_of_windows_are_read(tmp_path):
    path = tmp_path / "azure.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{AZURE}2024-05-10 00:00:00,3,4\n".replace("\n", "\r\n").encode())

    assert read_trace(path).requests[0].prompt_tokens == 3
